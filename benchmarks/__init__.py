"""One command per published figure; see README.md beside this file."""

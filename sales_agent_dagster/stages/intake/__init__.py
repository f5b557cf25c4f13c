"""CSV files in: encoding, dialect, header, archive, batches."""

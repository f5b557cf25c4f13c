"""Apollo: companies by domain, people by name and domain; its API as documented in 2026."""

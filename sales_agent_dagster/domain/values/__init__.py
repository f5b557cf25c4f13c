"""Reading and repairing single values: phones, addresses, names, web addresses, numbers. Pure."""

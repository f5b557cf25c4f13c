"""Hunter: addresses at a domain, the address of a person, whether an address works; its API v2."""

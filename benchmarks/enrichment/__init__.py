"""Enrichment: facts without network, websites on a farm, providers."""

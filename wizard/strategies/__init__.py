"""Strategies: the ways to get a certificate. One file each, one line in the registry."""

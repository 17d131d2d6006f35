"""Pomerium's own settings and the files that hold them."""

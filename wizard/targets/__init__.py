"""Targets: where Pomerium runs. One file each, one line in the registry."""

"""Mutual TLS, one file a hop."""

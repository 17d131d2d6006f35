"""pomcert-wizard: the certificates Pomerium needs, from a question to a proven handshake."""

__version__ = "0.1.0"

"""RFC 8555: the directory, accounts, orders and their challenges; RFC 9773: renewal windows."""

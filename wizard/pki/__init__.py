"""X.509: keys, the local root and its issuer, leaves, chains and the files they are kept in."""

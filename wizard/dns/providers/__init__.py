"""Who publishes DNS records. One file each, one line in the registry."""

"""Small widgets: they talk up by messages and are told by attributes."""

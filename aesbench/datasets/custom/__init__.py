"""One's own data, described in a TOML file."""

"""Stand-ins for the official images that compose.yaml names: the same programs, from PyPI and Debian."""

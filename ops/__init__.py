"""Running an installation: what is done to it from outside."""

"""All passwords, keys and credentials of an installation, made once."""

"""Use cases: a typed command in, a result or a domain error out."""

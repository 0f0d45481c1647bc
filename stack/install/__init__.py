"""From a bare checkout to an environment with exactly the locked packages. Needs nothing but Python's own library."""

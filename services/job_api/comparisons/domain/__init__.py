"""Rules of a comparison, without I/O."""

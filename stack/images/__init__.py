"""Container images of this checkout: built, tried, and run."""

"""Training files: received, checked, kept, shown and deleted."""

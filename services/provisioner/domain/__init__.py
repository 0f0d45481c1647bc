"""Rules without I/O: what a pod is, when an attempt ends, what follows it."""

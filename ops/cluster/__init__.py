"""What a cluster is given in a form of its own."""

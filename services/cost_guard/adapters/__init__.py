"""SQL, and what the provisioner is asked."""

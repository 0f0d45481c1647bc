"""All SQL of the provisioner."""

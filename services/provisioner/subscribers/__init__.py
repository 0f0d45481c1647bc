"""FastStream routers: what the provisioner subscribes to and what it answers."""

"""HTTP for whoever looks after the installation."""

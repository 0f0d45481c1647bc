"""What happens by time."""

"""What goes on by time."""

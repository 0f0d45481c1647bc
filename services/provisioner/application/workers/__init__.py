"""What happens by time: each takes what is due and does it."""

"""What cost_guard subscribes to and answers."""

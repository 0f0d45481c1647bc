"""Pure rules of money and time."""

"""Money: rates, what a run will cost, what it has cost, and what the budget allows."""

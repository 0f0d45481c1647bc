"""All SQL of cost_guard."""

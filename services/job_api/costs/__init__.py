"""Presets, estimates, budgets, rates."""

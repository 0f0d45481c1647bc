"""The production trainer on a 70B-shaped model of random weights: no model, hub or key. See `__main__.py`."""

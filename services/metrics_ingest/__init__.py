"""Stores every point a training reports, once, and draws charts from them."""

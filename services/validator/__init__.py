"""Turns a trainer's evaluation into a verdict with an interval."""

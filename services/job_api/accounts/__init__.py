"""Workspaces, their members and API keys."""

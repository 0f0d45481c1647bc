"""Where the API begins."""

PREFIX = "/api/training"

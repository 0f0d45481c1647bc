"""What happens to jobs by time."""

RELEASE_EVERY_S = 30.0

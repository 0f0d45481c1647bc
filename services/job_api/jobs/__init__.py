"""Training jobs: created, started, followed, ended."""

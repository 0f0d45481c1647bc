"""The only REST edge: training files, jobs and their history, artifacts, users and API keys."""

"""The web page: a client of the REST API, and nothing else."""

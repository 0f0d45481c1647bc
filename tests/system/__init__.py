"""A whole running stack for the end-to-end tests and the chaos runs."""

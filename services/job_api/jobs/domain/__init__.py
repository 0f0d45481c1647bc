"""Rules about jobs: facts and time in, decisions out."""

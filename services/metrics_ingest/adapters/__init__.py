"""PostgreSQL and Redis."""

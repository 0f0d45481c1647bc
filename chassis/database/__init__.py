"""PostgreSQL: connections, migrations, LISTEN."""

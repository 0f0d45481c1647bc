"""Messages: outbox and relay out, FastStream routers in, dead letters, requests between services."""

"""The embedded stack: PostgreSQL, NATS, Valkey, an S3 gateway and all services on one machine."""

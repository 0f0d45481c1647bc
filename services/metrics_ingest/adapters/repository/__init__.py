"""All SQL of metrics_ingest, on the driver's own connections: COPY and large results are not for SQLAlchemy."""

"""What metrics_ingest subscribes to and answers."""

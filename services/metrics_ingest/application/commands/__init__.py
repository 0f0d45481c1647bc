"""What changes points and jobs."""

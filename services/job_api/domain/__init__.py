"""What is true of jobs, whatever stores and serves them: no I/O, no framework."""

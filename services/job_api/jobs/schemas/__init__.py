"""What is asked about jobs and what is shown of them."""

"""What the customer gets: files, the proof that they work, and how to use them."""

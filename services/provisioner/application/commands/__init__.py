"""What changes: each function works in the transaction of its caller."""

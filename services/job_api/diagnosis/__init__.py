"""What failed, how often, what helped; and everything about one failure for who has to look into it."""

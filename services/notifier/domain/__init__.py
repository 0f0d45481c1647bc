"""What is worth telling, to whom, in which words, and when to try again."""

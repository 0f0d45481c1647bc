"""What the workspace's jobs came to over time: success, money, quality, errors, interruptions, people."""

"""What every HTTP process of ours shares."""

"""Kill each part of a running stack with -9 in the middle of a job, and check the history."""

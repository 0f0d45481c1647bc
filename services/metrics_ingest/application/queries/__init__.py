"""Answers for job_api. Another workspace's job looks like one that does not exist."""

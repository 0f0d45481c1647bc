"""SQL, Slack, e-mail and the log."""

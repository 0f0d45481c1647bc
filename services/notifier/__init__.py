"""Tells people what happened: Slack, e-mail, or the log when neither is configured."""

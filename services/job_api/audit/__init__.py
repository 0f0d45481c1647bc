"""Who did what, on what, from where, when, and with which outcome: an append-only log."""

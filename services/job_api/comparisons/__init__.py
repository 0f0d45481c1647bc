"""Two to four jobs beside each other: what each came to, what was told them differently, and which one to take."""

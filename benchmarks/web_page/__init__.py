"""The web page in a real browser over a real stack: how late, how fast, how heavy, what it costs."""

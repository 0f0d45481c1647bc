"""Processes that read what others wrote: the API neither parses nor tokenizes files itself."""

"""Of what the workspace is told, and by which channels."""

"""Pages as documents: what a template is given, and the process that sets it."""

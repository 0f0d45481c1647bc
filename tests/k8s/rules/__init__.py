"""The project's own rules over rendered manifests. Each is a function from documents to what is wrong, in words."""

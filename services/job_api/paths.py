"""Where the API begins, and where its documents are."""

PREFIX = "/api/training"
DOCS, OPENAPI, ERRORS = f"{PREFIX}/docs", f"{PREFIX}/openapi.json", f"{PREFIX}/errors"

"""Provider `runpod`: REST v2 over httpx, spot machines through the GraphQL mutation."""

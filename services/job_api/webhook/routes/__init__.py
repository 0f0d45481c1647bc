"""HTTP of the webhook: translate, call the use case, translate back."""

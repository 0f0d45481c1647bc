"""HTTP of jobs: translate, call the use case, translate back."""

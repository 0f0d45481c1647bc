"""The signed HTTPS fallback of pods that cannot reach the broker."""

"""Sign-in with an OpenID Connect issuer, and the sessions that it gives (decision 111)."""

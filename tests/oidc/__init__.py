"""An OpenID Connect issuer of the tests' own: real HTTP, signatures and PKCE; it misbehaves when it is told to."""

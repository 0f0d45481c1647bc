"""Invitations into a workspace: a link that lets one person in, once, until it expires or is revoked."""

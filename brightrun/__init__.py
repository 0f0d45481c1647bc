"""What a user installs: a typed REST client and the command line."""

from brightrun.client import Client
from brightrun.errors import ApiError, Unreachable

__all__ = ["ApiError", "Client", "Unreachable"]

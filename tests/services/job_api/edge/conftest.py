"""Small apps over the real PostgreSQL, as the chassis tests its own web parts."""

from tests.chassis.web.conftest import app, client, client_of, database_with, keys  # noqa: F401

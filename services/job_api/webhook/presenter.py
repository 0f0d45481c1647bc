"""A webhook secret as the API shows it."""

from typing import Any

from sqlalchemy.engine import RowMapping


def secret(row: RowMapping) -> dict[str, Any]:
    """Without the secret itself, which only the answer that makes it holds."""
    return {"object": "webhook_secret"} | {str(name): value for name, value in row.items()} | {"secret": None}

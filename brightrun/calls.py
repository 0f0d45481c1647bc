"""What the methods of the client are made of."""

from typing import Any

from brightrun.http import Http
from brightrun.models import Page

ROOT = "/api/training"


class Calls:
    http: Http

    def page(self, path: str, **parameters: Any) -> Page:
        """One page of a list."""
        return Page.model_validate(self.http.json("GET", f"{ROOT}{path}", params=given(parameters)))


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Without what was not said."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}

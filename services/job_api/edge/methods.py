"""Literal paths beside paths with an id: `/files/validate` is no file, whatever the method."""

from fastapi import APIRouter
from starlette.exceptions import HTTPException

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")


def only(router: APIRouter, path: str, *methods: str) -> None:
    """Other methods of `path` are refused (405). Call it before a route such as `/{file_id}` would take them."""

    async def refuse() -> None:
        raise HTTPException(405, headers={"Allow": ", ".join(methods)})

    others = [other for other in _METHODS if other not in methods]
    router.add_api_route(path, refuse, methods=others, include_in_schema=False)

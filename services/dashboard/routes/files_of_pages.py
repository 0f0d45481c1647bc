"""Style sheets and scripts."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.dashboard.assets import Assets

router = APIRouter()


@router.api_route("/assets/{version}/{name}", methods=["GET", "HEAD"])
async def read_asset(request: Request, version: str, name: str) -> Response:
    assets: Assets = request.app.state.assets
    return assets.answer(request, version, name)


@router.get("/favicon.ico")
async def read_icon(request: Request) -> Response:
    assets: Assets = request.app.state.assets
    return assets.answer(request, "", "icon.svg")

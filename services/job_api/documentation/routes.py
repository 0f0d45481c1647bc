"""The first page and the error reference; they need no credentials and load nothing from elsewhere."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.job_api.documentation.home import Home, prefers_html
from services.job_api.edge.responses import JsonResponse

ERROR_PAGE = Path(__file__).with_name("errors.html")


def router(home: Home, errors_path: str) -> APIRouter:
    """`/` and the page that `docs_url` of every problem leads to."""
    routes, error_page = APIRouter(include_in_schema=False), ERROR_PAGE.read_text()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def read_home(request: Request) -> Response:
        vary = {"vary": "accept"}
        if prefers_html(request.headers.get("accept", "")):
            if there := home.leads_to(request.url.netloc):
                return RedirectResponse(there, 303, vary | {"cache-control": "no-store"})
            return HTMLResponse(home.page(), headers=vary)
        return JsonResponse(home.document(), headers=vary)

    @routes.api_route(errors_path, methods=["GET", "HEAD"])
    async def read_errors() -> Response:
        return HTMLResponse(error_page, headers={"cache-control": "public, max-age=300"})

    return routes

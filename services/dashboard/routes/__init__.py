"""HTTP: one file for each page. A route reads what was asked, asks the API, and renders."""

from fastapi import FastAPI

from services.dashboard.routes import actions, files_of_pages, home, job, job_list, job_live, job_parts, sign_in


def include(app: FastAPI) -> None:
    """Every page."""
    for module in (files_of_pages, home, sign_in, job_list, job_live, job, job_parts, actions):
        app.include_router(module.router)

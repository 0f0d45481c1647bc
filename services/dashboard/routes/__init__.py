"""HTTP: one file for each page. A route reads what was asked, asks the API, and renders."""

from fastapi import FastAPI

from services.dashboard.routes import (
    actions,
    analytics,
    compare,
    files,
    files_of_pages,
    first_run,
    home,
    job,
    job_list,
    job_live,
    job_parts,
    new_job,
    notes,
    operations,
    settings,
    sign_in,
    templates,
)


def include(app: FastAPI) -> None:
    """Every page."""
    for module in (files_of_pages, home, sign_in, templates, analytics, job_list, job_live, job, job_parts, notes,
                   actions, files, new_job, first_run, settings, compare, operations):
        app.include_router(module.router)

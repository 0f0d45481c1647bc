"""Services behind the API that do not answer."""

import asyncio
from io import BytesIO

import pytest
from pypdf import PdfReader

from brightrun.client import Client
from brightrun.errors import Unreachable
from tests.services.dashboard.conftest import Browser, serving
from tests.services.job_api.analytics.test_analytics import PROVEN, ended
from tests.services.job_api.conftest import alone, told  # noqa: F401  fixtures


@pytest.mark.slow
async def test_cards_of_services_that_are_away_say_so(alone) -> None:  # noqa: F811
    async with alone.others():
        job = await alone.new_job(name="Still here")
    await ended(alone, {"name": "Judged once", "validation": PROVEN})
    async with serving(api_url=alone.url) as url:
        browser = await Browser(url).sign_in(alone.credentials["api_key"])
        answer = await browser.get(f"/jobs/{job['id']}")
        operations = await browser.get("/operations")
        money = await browser.get("/settings/budget")
        history = await browser.get("/analytics")
    assert answer.status_code == 200
    assert "Still here" in answer.text
    assert "The evaluation cannot be shown just now" in answer.text
    assert "The measurements cannot be shown just now" in answer.text
    assert operations.status_code == 200
    for words in ("The machines cannot be shown just now.", "What leaked cannot be shown just now.", "No dead letters",
                  "The service validator is not running."):
        assert words in operations.text, words
    for consumer in ("provisioner_jobs", "notifier_costs", "job_api_costs"):
        assert f'id="consumer-{consumer}"' in operations.text, consumer
    assert operations.text.index('id="service-provisioner"') < operations.text.index('id="service-job_api"')
    assert money.status_code == 503
    assert "The budget cannot be shown just now" in money.text
    assert "The rates cannot be shown just now" in money.text
    assert 'href="/settings/keys"' in money.text
    assert history.status_code == 200
    assert "Judged once" in history.text
    assert "What spot machines saved cannot be shown just now." in history.text


@pytest.mark.slow
async def test_jobs_are_compared_without_their_measurements(alone) -> None:  # noqa: F811
    async with alone.others():
        jobs = [await alone.new_job(name=name) for name in ("First", "Second")]
    asked = f"?job={jobs[0]['id']}&job={jobs[1]['id']}"
    async with serving(api_url=alone.url) as url:
        browser = await Browser(url).sign_in(alone.credentials["api_key"])
        page, made, curve = await asyncio.gather(
            browser.get(f"/compare{asked}"), browser.get(f"/compare.pdf{asked}"),
            browser.get(f"/jobs/{jobs[0]['id']}/series", headers={"accept": "application/json"}))
    assert page.status_code == 200
    assert "The best losses and the throughput cannot be shown just now." in page.text
    assert "What each came to" in page.text
    assert (curve.status_code, "metrics_ingest" in curve.json()["detail"]) == (503, True), "the chart says so"
    words = " ".join(page.extract_text() for page in PdfReader(BytesIO(made.content)).pages)
    assert "The curves of First could not be read" in " ".join(words.split())


async def test_a_part_of_a_page_gets_a_note_where_a_page_does_not_fit(browser) -> None:
    """Lines of a log, asked for by htmx, stand in a card."""
    missing = "/jobs/0198a000-0000-7000-8000-000000000001/series"
    part = await browser.get(missing, headers={"hx-request": "true"})
    assert part.status_code == 404
    assert part.text.strip().startswith('<div class="away"')
    assert "<html" not in part.text
    assert "<html" in (await browser.get(missing)).text


async def test_a_page_that_could_not_be_made_is_tried_again_with_its_filters(browser, monkeypatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unreachable("Nobody is there.", "Wait.")

    monkeypatch.setattr(Client, "me", away)
    answer = await browser.get("/jobs?q=calm&sort=name")
    assert answer.status_code == 503
    assert "data-again" in answer.text
    assert 'href="/jobs?q=calm&amp;sort=name">Try again' in answer.text

"""History and analytics: filters, figures with units, tables as CSV, an empty system, hostile text."""

import csv
import io
import re
from datetime import timedelta
from uuid import UUID, uuid4

from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser
from tests.services.job_api.analytics.test_analytics import MONDAY, PROVEN, ended
from tests.services.job_api.analytics.test_interruption_rates import machines

HOSTILE = '<script>alert("x")</script>'


async def some_history(api) -> list[str]:
    memory = {"status": "failed", "error_type": "out_of_memory", "error_code": "gpu_out_of_memory"}
    first, *rest = await ended(
        api, memory, {"name": "Judged", "validation": PROVEN, "client": "Acme", "actual_cost_micro_usd": 2_500_000},
        {"preset": "aggressive", "completed_at": MONDAY + timedelta(days=7), "checkpoint_recovery_count": 2})
    await ended(api, {"retry_of": UUID(first), "client": "Smith, Jones",
                      "adjustments": [{"field": "per_device_train_batch_size", "from": 4, "to": 2}]})
    return [first, *rest]


async def test_an_empty_system_says_what_will_stand_here(browser) -> None:
    page = (await browser.get("/analytics")).text
    assert "No job has ended yet" in page
    assert "cost against quality" in page
    assert 'href="/first-run"' in page
    assert "data-trend" not in page


async def test_figures_have_units_and_points_lead_to_their_jobs(api, browser) -> None:
    _, judged, _ = await some_history(api)
    page = (await browser.get("/analytics")).text
    for words in ("75.0 %", "$2.50", "10 min 00 s", "1 of 1", "5.0 %", "(3.0 % to 7.0 %)", "Proven", "Acme",
                  "None named", "Last: Aggressive 100 %, Balanced 67 %.",
                  "Per device train batch size: 1 of 1 completed",
                  "Saved", "(67 %)", "The GPU ran out of memory"):
        assert words in page, words
    assert f'<a href="/jobs/{judged}">Judged</a>' in page
    assert re.search(r'data-x="2026-11-02".*?data-y="66.67"', page)
    assert '<a class="nav-link active" href="/analytics" aria-current="page">History</a>' in page


async def test_filters_stand_in_the_address_and_reach_the_csv(api, browser) -> None:
    await some_history(api)
    for query, count in (("preset=aggressive", 1), ("client=Acme", 1), ("client=Smith%2C+Jones", 1), ("creator=ada", 4),
                         ("from=2026-11-02&to=2026-11-02", 3), ("from=2026-11-03", 1)):
        page = (await browser.get(f"/analytics?{query}")).text
        assert re.search(rf"<dt>Jobs that ended</dt><dd>{count}</dd>", page), query
        rows = await table(browser, f"/analytics/jobs.csv?{query}")
        assert len(rows) == count, query
        assert query.replace("&", "&amp;") in page
    assert 'value="Acme"' in (await browser.get("/analytics?client=Acme")).text
    assert "No job that ended is like that" in (await browser.get("/analytics?client=nobody")).text
    for name, rows in {"weeks": 2, "presets": 2, "people": 1, "clients": 3, "errors": 1}.items():
        assert len(await table(browser, f"/analytics/{name}.csv")) == rows, name
    assert (await browser.get("/analytics/others.csv")).status_code == 404


async def test_interruption_rates_stand_beside_the_choice_of_a_tier(api, browser) -> None:
    for _ in range(5):
        await machines(api, "spot", "spot", "on_demand", lost=(1,))
    for path in ("/new-job", "/analytics"):
        page = (await browser.get(path)).text
        assert "Spot: 50.0 % interrupted (5 of 10 machines)" in page, path
        assert "On demand: too few to tell: 5 machines" in page, path


async def table(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = await browser.get(path)
    assert answer.headers["content-type"].startswith("text/csv"), answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_what_cannot_be_asked_is_told_above_the_form(browser) -> None:
    for query in ("from=yesterday", "preset=huge"):
        answer = await browser.get(f"/analytics?{query}")
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert query.split("=")[1] in answer.text
    assert (await browser.get("/analytics/jobs.csv?preset=huge")).status_code == 422


async def test_markup_is_text_and_a_stranger_sees_nothing_of_it(api, browser, dashboard) -> None:
    await ended(api, {"name": HOSTILE, "client": HOSTILE, "created_by": HOSTILE, "validation": PROVEN})
    page = (await browser.get("/analytics")).text
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") >= 3
    client = await api.member(Role.ANALYST, workspace_id=uuid4())
    stranger = await Browser(dashboard).sign_in(client.headers["authorization"].removeprefix("Bearer "))
    answer = await stranger.get("/analytics")
    assert answer.status_code == 200
    assert "script&gt;" not in answer.text
    assert 'href="/first-run"' not in answer.text

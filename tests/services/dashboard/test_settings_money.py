"""Budget and rates on the page: read by all, changed by those who may."""

import pytest

from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser
from tests.services.dashboard.test_settings_keys import key_of

PATH = "/settings/budget"


@pytest.fixture(autouse=True)
def budget(installation) -> None:
    installation.cost_guard.limit = 500_000_000


async def test_the_budget_is_shown_with_units_and_changed(api, browser) -> None:
    api.cost_guard.spent = 125_000_000
    page = (await browser.get(PATH)).text
    api.cost_guard.spent = 0
    for words in ("$500.00", "$125.00", "$375.00", "25 % spent or reserved", "2026-11", "USD"):
        assert words in page, words
    answer = await browser.send(PATH, page=PATH, limit="750.5")
    assert answer.headers["location"] == f"{PATH}?notice=budget-set"
    assert api.cost_guard.limit == 750_500_000
    assert "$750.50" in (await browser.get(answer.headers["location"])).text


@pytest.mark.parametrize("limit", ["", "-1", "much", "nan", "inf", "1e12"])
async def test_a_wrong_limit_is_told_on_the_page(api, browser, limit) -> None:
    answer = await browser.send(PATH, page=PATH, limit=limit)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert api.cost_guard.limit == 500_000_000


async def test_owners_change_the_budget_and_engineers_see_it(api, dashboard) -> None:
    owner = await Browser(dashboard).sign_in(key_of(await api.member(Role.OWNER)))
    assert (await owner.send(PATH, page=PATH, limit="20")).status_code == 303
    engineer = await Browser(dashboard).sign_in(key_of(await api.member(Role.ENGINEER)))
    page = (await engineer.get(PATH)).text
    assert "$20.00" in page
    assert "Owners and admins change the limit." in page
    assert '<form method="post" action="/settings' not in page
    answer = await engineer.send(PATH, page=PATH, limit="99")
    assert answer.status_code == 403
    assert api.cost_guard.limit == 20_000_000


async def test_only_operators_are_offered_to_change_a_rate(installation, api, browser, dashboard) -> None:
    page = (await browser.get(PATH)).text
    assert "$0.10" in page
    assert "Whoever runs the installation changes the rates." in page
    answer = await browser.send("/settings/rates", page=PATH, gpu_type="local", tier="spot", per_hour="1")
    assert answer.status_code == 403
    operator = await Browser(dashboard).sign_in(installation.credentials["api_key"])
    assert 'action="/settings/rates"' in (await operator.get(PATH)).text
    answer = await operator.send("/settings/rates", page=PATH, gpu_type="local", tier="spot", per_hour="0.25")
    assert answer.headers["location"] == f"{PATH}?notice=rate-set"
    assert "$0.25" in (await operator.get(PATH)).text
    answer = await operator.send("/settings/rates", page=PATH, gpu_type="abacus", tier="spot", per_hour="0.25")
    assert answer.status_code == 422

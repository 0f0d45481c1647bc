"""What the workspace may spend in a month, and what an hour of each machine costs."""

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from services.dashboard.routes.settings.sections import OWNERS, after, amount, is_operator, may, section_page
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/settings")
_HERE = "/settings/budget"


@router.get("/budget")
def show_money(visit: SignedIn) -> Response:
    return money_page(visit)


def money_page(visit: Visit, **told: Any) -> Response:
    found = visit.together(budget=visit.client.budget, rates=visit.client.rates)
    return section_page(visit, "settings/budget.html", found, may_set_budget=may(visit, OWNERS),
                        may_set_rates=is_operator(visit), **told)


@router.post("/budget")
def set_budget(visit: SignedIn, form: Form) -> Response:
    act = partial(visit.client.set_budget, amount(text_of(form, "limit")))
    return after(visit, act, _HERE, "budget-set", partial(money_page, visit))


@router.post("/rates")
def set_rate(visit: SignedIn, form: Form) -> Response:
    act = partial(visit.client.set_rate, text_of(form, "gpu_type"), text_of(form, "tier"),
                  amount(text_of(form, "per_hour")))
    return after(visit, act, _HERE, "rate-set", partial(money_page, visit))

"""Presets and money: what a run would cost, what may be spent, what a GPU costs."""

from typing import Annotated

from fastapi import APIRouter, Query

from contracts.money import micro_usd
from contracts.presets import PRESETS
from contracts.rpc import costs
from services.job_api import money_views as shown
from services.job_api import operator, presenters
from services.job_api.repository import files
from services.job_api.schemas import money
from services.job_api.translate import estimate_of
from services.job_api.usecases.create_job import configure, usable_file
from services.job_api.usecases.estimate import estimate_request
from services.job_api.wiring import Admin, BudgetHolder, JsonResponse, Reader, WithParts

router = APIRouter(tags=["costs"])


@router.get("/presets", response_model=money.PresetList)
async def list_presets(principal: Reader) -> JsonResponse:
    """The three presets with their values and what they are for."""
    presets = [{"object": "preset", **preset.model_dump(mode="json")} for preset in PRESETS.values()]
    return JsonResponse(presenters.page(presets, None))


@router.get("/cost-estimate", response_model=money.EstimateView)
async def estimate_cost(
    query: Annotated[money.EstimateQuery, Query()], principal: Reader, parts: WithParts
) -> JsonResponse:
    """Cost and duration of a configuration with an 80 % interval, for each tier, beside what the budget allows."""
    wanted = estimate_of(query)
    configuration = configure(wanted, parts.defaults)
    file = await usable_file(parts.database, principal.workspace_id, query.training_file_id)
    request = estimate_request(principal.workspace_id, configuration, files.reference(file))
    estimate = await parts.bus.request(costs.ESTIMATE, request)
    return JsonResponse(shown.estimate(query.training_file_id, configuration, estimate))


@router.get("/budget", response_model=money.BudgetView)
@router.get("/budget/monthly", response_model=money.BudgetView, include_in_schema=False)
async def read_budget(principal: Reader, parts: WithParts) -> JsonResponse:
    """This month's limit and what was spent and reserved."""
    query = costs.BudgetQuery(workspace_id=principal.workspace_id)
    return JsonResponse(shown.budget(await parts.bus.request(costs.BUDGET, query)))


@router.put("/budget", response_model=money.BudgetView)
async def set_budget(body: money.SetBudget, principal: BudgetHolder, parts: WithParts) -> JsonResponse:
    """Change the limit of every month from this one on; running jobs go on."""
    command = costs.SetBudget(workspace_id=principal.workspace_id, limit_micro_usd=micro_usd(str(body.limit)),
                              changed_by=principal.subject)
    return JsonResponse(shown.budget(await parts.bus.request(costs.SET_BUDGET, command)))


@router.get("/rates", response_model=money.RateList)
async def list_rates(principal: Reader, parts: WithParts) -> JsonResponse:
    """What an hour of each GPU costs."""
    reply = await parts.bus.request(costs.RATES, costs.RatesQuery(workspace_id=principal.workspace_id))
    return JsonResponse(presenters.page([shown.rate(rate) for rate in reply.rates], None))


@router.put("/rates", response_model=money.RateView)
async def set_rate(body: money.SetRate, principal: Admin, parts: WithParts) -> JsonResponse:
    """Change a rate from now on, for every workspace of this installation."""
    await operator.require(parts.database, principal)
    command = costs.SetRate(gpu_type=body.gpu_type, pricing_tier=body.gpu_pricing_tier,
                            micro_usd_per_hour=micro_usd(str(body.per_hour)), changed_by=principal.subject)
    return JsonResponse(shown.rate(await parts.bus.request(costs.SET_RATE, command)))

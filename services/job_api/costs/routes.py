"""Presets and money: what a run would cost, what may be spent, what a GPU costs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from contracts.hyperparameters import HyperparameterOverrides
from contracts.money import micro_usd
from contracts.rpc import costs
from services.job_api.callers import Caller
from services.job_api.costs import presenter, schemas
from services.job_api.costs.service import estimate_cost as estimate
from services.job_api.dependencies import Dependencies, WithDependencies
from services.job_api.edge.auth import Admin, BudgetHolder, Reader, caller
from services.job_api.edge.direct_route import DirectRoute
from services.job_api.edge.responses import NOT_MODIFIED, FixedDocument, JsonResponse, page
from services.job_api.jobs.application.commands import NewJob, new_job
from services.job_api.jobs.presenter import memory
from services.job_api.paths import PREFIX
from services.job_api.templates.application.queries import job_from_template

router = APIRouter(prefix=PREFIX, tags=["costs"], route_class=DirectRoute)

_PRESETS = FixedDocument(
    page(presenter.presets(), None) | {"hyperparameters": presenter.hyperparameters()})


@router.get("/presets", response_model=schemas.PresetList, responses=NOT_MODIFIED)
async def list_presets(request: Request, principal: Reader) -> Response:
    """The three presets with their values and what they are for, and what each hyperparameter does."""
    return _PRESETS.answer(request)


@router.get("/cost-estimate", response_model=schemas.EstimateView, responses={
    422: {"description": "A wrong value, or a run that no memory suffices for (`does_not_fit`)"}})
async def estimate_cost(
    query: Annotated[schemas.EstimateQuery, Query()], principal: Reader, deps: WithDependencies
) -> JsonResponse:
    """Cost and duration of a configuration with an 80 % interval, for each tier, beside budget, memory and warnings."""
    wanted = await _wanted(query, caller(principal), deps)
    found = await estimate(deps.jobs, principal.workspace_id, wanted)
    return JsonResponse(presenter.estimate(query.training_file_id, found.configuration, found.cost) | {
        "memory": memory(found.memory)})


@router.get("/budget", response_model=schemas.BudgetView)
@router.get("/budget/monthly", response_model=schemas.BudgetView, include_in_schema=False)
async def read_budget(principal: Reader, deps: WithDependencies) -> JsonResponse:
    """This month's limit and what was spent and reserved."""
    query = costs.BudgetQuery(workspace_id=principal.workspace_id)
    return JsonResponse(presenter.budget(await deps.rpc.request(costs.BUDGET, query)))


@router.put("/budget", response_model=schemas.BudgetView)
async def set_budget(body: schemas.SetBudget, principal: BudgetHolder, deps: WithDependencies) -> JsonResponse:
    """Change the limit of every month from this one on; running jobs go on."""
    command = costs.SetBudget(workspace_id=principal.workspace_id, limit_micro_usd=micro_usd(str(body.limit)),
                              changed_by=principal.subject)
    return JsonResponse(presenter.budget(await deps.rpc.request(costs.SET_BUDGET, command)))


@router.get("/rates", response_model=schemas.RateList)
async def list_rates(principal: Reader, deps: WithDependencies) -> JsonResponse:
    """What an hour of each GPU costs."""
    reply = await deps.rpc.request(costs.RATES, costs.RatesQuery(workspace_id=principal.workspace_id))
    return JsonResponse(page([presenter.rate(rate) for rate in reply.rates], None))


@router.put("/rates", response_model=schemas.RateView)
async def set_rate(body: schemas.SetRate, principal: Admin, deps: WithDependencies) -> JsonResponse:
    """Change a rate from now on, for every workspace of this installation."""
    await deps.operators.require(principal.workspace_id)
    command = costs.SetRate(gpu_type=body.gpu_type, pricing_tier=body.gpu_pricing_tier,
                            micro_usd_per_hour=micro_usd(str(body.per_hour)), changed_by=principal.subject)
    return JsonResponse(presenter.rate(await deps.rpc.request(costs.SET_RATE, command)))


async def _wanted(query: schemas.EstimateQuery, who: Caller, deps: Dependencies) -> NewJob:
    overrides = query.model_dump(include=set(HyperparameterOverrides.model_fields))
    named = {name: getattr(query, name) for name in query.model_fields_set & {"preset", "gpu_type"}}
    if "gpu_pricing_tier" in query.model_fields_set:
        named["pricing_tier"] = query.gpu_pricing_tier
    named |= {"training_file_id": query.training_file_id, "overrides": HyperparameterOverrides(**overrides)}
    if query.template_id is None:
        return new_job(named)
    async with deps.database.read() as tx:
        return await job_from_template(tx, who, query.template_id, named)

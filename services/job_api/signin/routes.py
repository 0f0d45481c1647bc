"""Sign-in over HTTP. A browser goes out to the issuer and comes back; the token goes only to the program that began."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from chassis.database.scope import enter_workspace
from chassis.problems import ProblemError
from services.job_api.accounts import repository as accounts
from services.job_api.audit.domain import ANONYMOUS, Actor, ActorKind
from services.job_api.dependencies import Dependencies, WithDependencies
from services.job_api.edge.auth import AnyMember
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.rate_limits import by_address
from services.job_api.edge.rate_limits.policies import RouteClass
from services.job_api.edge.responses import JsonResponse
from services.job_api.paths import PREFIX
from services.job_api.signin import presenter, problems
from services.job_api.signin.application.admit import Admitted
from services.job_api.signin.application.begin import BeginSignIn, begin_sign_in
from services.job_api.signin.application.finish import Callback, finish_sign_in, take_sign_in
from services.job_api.signin.application.sessions import close_session, open_session, redeem
from services.job_api.signin.domain import SHOW_CODE, SIGN_IN_LIFE, digest
from services.job_api.signin.errors import NotASession, SignInDisabled, SignInFailed, SignInNotAllowed
from services.job_api.signin.issuer import OidcIssuer
from services.job_api.signin.schemas import BeginQuery, CallbackQuery, RedeemCode, SessionView, SignedOut

CALLBACK = f"{PREFIX}/auth/oidc/callback"
TOKEN = f"{PREFIX}/auth/token"
_OPEN = [by_address(RouteClass.SIGN_INS)]
# Pages and redirects of a sign-in are nobody else's to keep or to be told of.
_PRIVATE = {"cache-control": "no-store", "referrer-policy": "no-referrer",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}

router = APIRouter(prefix=f"{PREFIX}/auth", tags=["sign-in"])


@router.get("/oidc", status_code=302, response_class=RedirectResponse, dependencies=_OPEN, responses={
    302: {"description": "To the identity provider"}, 404: {"description": "The installation has no sign-in"},
    429: {"description": "Too many sign-ins from this address"}})
async def begin_oidc_sign_in(query: Annotated[BeginQuery, Query()], deps: WithDependencies) -> Response:
    """Send a browser here to sign in. It comes back to `redirect_uri` with `code`, or with `error`."""
    issuer, callback = _issuer(deps), deps.sign_in.callback_url
    command = BeginSignIn(query.redirect_uri, query.code_challenge, query.state, callback, query.workspace_id,
                          query.invitation)
    begun = await begin_sign_in(deps.database, issuer, command, deps.clock.now())
    response = RedirectResponse(begun.url, 302, _PRIVATE)
    response.set_cookie(_cookie(begun.state), begun.browser, max_age=int(SIGN_IN_LIFE.total_seconds()), path=CALLBACK,
                        httponly=True, samesite="lax", secure=callback.startswith("https:"))
    return response


@router.get("/oidc/callback", status_code=303, response_class=RedirectResponse, dependencies=_OPEN, responses={
    200: {"content": {"text/html": {}}, "description": "The code, to be typed in elsewhere"},
    303: {"description": "Back to the program that began the sign-in, with `code` or `error`"},
    400: {"description": "The sign-in is not known"}, 404: {"description": "The installation has no sign-in"},
    429: {"description": "Too many sign-ins from this address"}})
async def finish_oidc_sign_in(
    query: Annotated[CallbackQuery, Query()], request: Request, deps: WithDependencies, record: WithRecord
) -> Response:
    """Where the identity provider sends the browser back to."""
    issuer, now = _issuer(deps), deps.clock.now()
    record.acts_as(ANONYMOUS)
    callback = Callback(
        query.state, request.cookies.get(_cookie(query.state), ""), query.code, query.error, query.iss)
    row = await take_sign_in(deps.database, callback, now)

    async def note(tx: object, admitted: Admitted) -> None:
        record.acts_as(Actor(ActorKind.SESSION, str(admitted.user_id), admitted.workspace_id))
        await record.store(tx, 303, {})  # type: ignore[arg-type]

    try:
        code = await finish_sign_in(deps.database, issuer, callback, row, deps.sign_in.callback_url, now, note)
    except (SignInFailed, SignInNotAllowed) as error:
        problem = problems.of(error)
        record.settle(problem.status, problem.code)
        return _refused(row["redirect_uri"], row["client_state"], problem)
    record.settle(303)
    if row["redirect_uri"] == SHOW_CODE:
        return HTMLResponse(presenter.code_page(code), headers=_PRIVATE)
    return RedirectResponse(presenter.way_back(row["redirect_uri"], row["client_state"], code=code), 303, _PRIVATE)


@router.post("/token", status_code=201, response_model=SessionView, dependencies=_OPEN, responses={
    429: {"description": "Too many sign-ins from this address"}})
async def redeem_code(body: RedeemCode, deps: WithDependencies, record: WithRecord) -> JsonResponse:
    """A session for the code of a sign-in. The token is in this answer and nowhere else."""
    now = deps.clock.now()
    grant = await redeem(deps.database, body.code, body.code_verifier, now)
    enter_workspace(grant.workspace_id)
    async with deps.database.transaction() as tx:
        opened = await open_session(tx, grant, now, timedelta(hours=deps.sign_in.session_hours))
        member = await accounts.member(tx, grant.workspace_id, grant.user_id)
        document = presenter.session(opened, member["email"] if member else None, member["roles"] if member else ())
        record.acts_as(Actor(ActorKind.SESSION, str(grant.user_id), grant.workspace_id, opened.prefix), opened.id)
        await record.store(tx, 201, document | {"token": None})
    return JsonResponse(document, 201, {"cache-control": "no-store"})


@router.post("/logout", response_model=SignedOut)
async def sign_out(principal: AnyMember, deps: WithDependencies, record: WithRecord) -> JsonResponse:
    """The session that asks stops working at once."""
    if principal.kind != "session":
        raise NotASession
    async with deps.database.transaction() as tx:
        session_id = await close_session(tx, principal.credential, deps.clock.now())
        answer = await record.answer(tx, {"object": "session", "id": session_id, "signed_out": True})
    deps.sign_in.sessions.forget(principal.credential)
    return answer


def _issuer(deps: Dependencies) -> OidcIssuer:
    if deps.sign_in.issuer is None:
        raise SignInDisabled
    return deps.sign_in.issuer


def _cookie(state: str) -> str:
    """One for each sign-in: a browser may have begun several."""
    return f"brightrun_sign_in_{digest(state).hex()[:8]}"


def _refused(redirect_uri: str, state: str, problem: ProblemError) -> Response:
    if redirect_uri == SHOW_CODE:
        page = presenter.refusal_page(problem.title, problem.detail, problem.suggested_fix)
        return HTMLResponse(page, problem.status, _PRIVATE)
    told = {"error": problem.code, "error_description": problem.detail}
    return RedirectResponse(presenter.way_back(redirect_uri, state, **told), 303, _PRIVATE)

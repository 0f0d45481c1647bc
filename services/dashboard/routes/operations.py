"""Operations: the whole installation at a glance, and its dead letters. For operators; the API decides who they are."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from brightrun.errors import ApiError
from services.dashboard.api import Outcome, attempt
from services.dashboard.operations_view import SHOWN, TONES, WORDS, arranged
from services.dashboard.refusals import described
from services.dashboard.visit import Form, SignedIn, Visit
from services.dashboard.words import pretty

router = APIRouter(prefix="/operations")
Sequence = Annotated[int, Path(ge=1, le=2**63 - 1)]
_PAGE = 20


@router.get("")
def show_operations(visit: SignedIn) -> Response:
    return operations_page(visit)


def operations_page(visit: Visit, *, status: int = 200, problem: dict[str, Any] | None = None) -> Response:
    """With `problem`: what became of a form of this page."""
    found = _asked(visit)
    if found.problem is not None and problem is None:
        status = described(found.problem)["status"]
    return visit.page("operations.html", status=status, problem=problem, **_context(visit, found))


@router.get("/now")
def refresh_operations(visit: SignedIn, shown: bool = True) -> Response:
    """The parts of the page, for a script that puts in those which have changed. `shown`: the page has them already;
    one that has none is loaded anew as soon as there are some."""
    found = _asked(visit)
    if found.problem is not None:
        return visit.page("operations_stale.html", found=found)
    if not shown:
        return Response(headers={"HX-Refresh": "true"})
    return visit.page("operations_parts.html", **_context(visit, found))


def _asked(visit: Visit) -> Outcome:
    """Raises ApiError for who may not ask."""
    found = attempt(visit.client.operations)
    if found.problem is not None and not found.is_away:
        raise found.problem
    return found


def _context(visit: Visit, found: Outcome) -> dict[str, Any]:
    settings = visit.parts.settings
    return {
        "found": found, "view": arranged(found.value) if found.value else None, "words": WORDS, "tones": TONES,
        "grafana": settings.grafana_url, "interval_s": settings.operations_interval_s,
    }


@router.get("/dead-letters")
def list_dead_letters(visit: SignedIn, after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0) -> Response:
    """All of them, the oldest first."""
    found = attempt(lambda: visit.client.dead_letters(_PAGE, str(after)).model_dump())
    if found.problem is not None and not found.is_away:
        raise found.problem
    status = described(found.problem)["status"] if found.problem else 200
    return visit.page("dead_letters.html", status=status, found=found, after=after)


@router.get("/dead-letters/{sequence}")
def show_dead_letter(visit: SignedIn, sequence: Sequence) -> Response:
    letter = visit.client.dead_letter(sequence)
    return visit.page("dead_letter.html", letter=letter, **_message(letter))


@router.get("/dead-letters/{sequence}/message")
def show_message(visit: SignedIn, sequence: Sequence) -> Response:
    """The message alone, for the row that is opened."""
    found = attempt(lambda: visit.client.dead_letter(sequence))
    shown = _message(found.value) if found.value else {}
    return visit.page("dead_letter_message.html", found=found, letter=found.value, **shown)


@router.get("/dead-letters/{sequence}/download")
def download_message(visit: SignedIn, sequence: Sequence) -> Response:
    letter = visit.client.dead_letter(sequence)
    is_json = letter["event"] is not None
    name = f'attachment; filename="dead-letter-{sequence}.{"json" if is_json else "txt"}"'
    media_type = "application/json" if is_json else "text/plain; charset=utf-8"
    return Response(_text(letter), media_type=media_type, headers={"content-disposition": name})


def _text(letter: dict[str, Any]) -> str:
    return pretty(letter["event"]) if letter["event"] is not None else str(letter["raw"])


def _message(letter: dict[str, Any]) -> dict[str, Any]:
    text = _text(letter)
    return {"text": text[:SHOWN], "whole": len(text), "is_cut": len(text) > SHOWN}


@router.post("/dead-letters/replay-all")
def replay_all(visit: SignedIn, form: Form) -> Response:
    """What became of each is told."""
    try:
        done = visit.client.replay(None)
    except ApiError as error:
        return _refused(visit, error)
    return visit.page("dead_letters_replayed.html", done=done)


@router.post("/dead-letters/{sequence}/replay")
def replay(visit: SignedIn, sequence: Sequence, form: Form) -> Response:
    try:
        visit.client.replay(sequence)
    except ApiError as error:
        return _refused(visit, error)
    return visit.go("/operations", notice="replayed")


def _refused(visit: Visit, error: ApiError) -> Response:
    if error.status in (401, 403):
        raise error
    return operations_page(visit, status=error.status, problem=described(error))

"""`brightrun logs`: what the trainer itself has printed."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from brightrun.client import Client
from brightrun.output import out
from brightrun.session import Json, plainly, session

_PAGE = 1_000
_LOOK_EVERY_S = 1.0
# The last lines of a trainer arrive some seconds after its end.
_LOOKS_AFTER_THE_END = 4


@plainly
def logs(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="See `brightrun jobs list`.")],
    attempt: Annotated[int | None, typer.Option(min=1, help="The newest when absent.")] = None,
    tail: Annotated[int | None, typer.Option(min=1, max=_PAGE, help="Only the last so many lines.")] = None,
    search: Annotated[str, typer.Option(help="Only lines with this text, in upper or lower case.")] = "",
    level: Annotated[str, typer.Option(help="info, warning or error: of this level or a graver one.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on while the job runs.")] = False,
    as_json: Json = False,
) -> None:
    """What the trainer itself has printed: all of it, the end of it, or what matches."""
    with session() as client:
        reader = _Reader(client, job_id, attempt, {"search": search, "level": level})
        if as_json:
            _as_one(list(reader.present(tail)))
            return
        for page in reader.present(tail):
            _show(page)
        looks_left = _LOOKS_AFTER_THE_END if follow else 0
        while looks_left:
            looks_left -= client.job(job_id).has_ended
            time.sleep(_LOOK_EVERY_S)
            for page in reader.further():
                _show(page)


class _Reader:
    """Reads on from where it stands, from one attempt to the next unless one was named."""

    def __init__(self, client: Client, job_id: str, attempt: int | None, wanted: dict[str, Any]) -> None:
        self._client, self._job_id, self._only, self._wanted = client, job_id, attempt is not None, wanted
        self._attempt, self._after, self._source = attempt, 0, ""

    def present(self, tail: int | None) -> Iterator[dict[str, Any]]:
        """What is there now, page by page."""
        page = self._read(tail=tail) if tail else self._read(after=0, limit=_PAGE)
        yield page
        while page["more_after"]:
            yield (page := self._read(after=self._after, limit=_PAGE))

    def further(self) -> Iterator[dict[str, Any]]:
        """What came since."""
        while True:
            source = self._source
            page = self._read(after=self._after, limit=_PAGE)
            if page["source"] != source:  # lines of the store are counted anew
                page = self._read(after=0, limit=_PAGE)
            yield page
            if not page["more_after"] and not self._go_to_next_attempt(page):
                return

    def _read(self, **where: Any) -> dict[str, Any]:
        page = self._client.log_lines(self._job_id, attempt=self._attempt, **where, **self._wanted)
        self._attempt, self._after, self._source = page["attempt"], page["next_after"], page["source"]
        return page

    def _go_to_next_attempt(self, page: dict[str, Any]) -> bool:
        later = [kept["attempt"] for kept in page["attempts"] if kept["attempt"] > (self._attempt or 0)]
        if self._only or not later:
            return False
        out.note(f"-- attempt {later[0]} --")
        self._attempt, self._after, self._source = later[0], 0, "store"
        return True


def _show(page: dict[str, Any]) -> None:
    for line in page["lines"]:
        out.line(line["text"])


def _as_one(pages: list[dict[str, Any]]) -> None:
    out.result({"attempt": pages[0]["attempt"], "source": pages[0]["source"], "attempts": pages[-1]["attempts"],
                "lines": [line for page in pages for line in page["lines"]]})

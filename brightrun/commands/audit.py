"""`brightrun audit`: who did what, for owners and admins."""

import sys
from typing import Annotated, Any

import typer

from brightrun.output import out
from brightrun.session import Json, plainly, session


@plainly
def audit(
    operation: Annotated[list[str] | None, typer.Option(help="For example revoke_api_key; several times.")] = None,
    outcome: Annotated[list[str] | None, typer.Option(help="succeeded, denied, refused or failed")] = None,
    actor: Annotated[str, typer.Option(help="A user's id or a token's subject.")] = "",
    target: Annotated[str, typer.Option(help="The id of what it was done to.")] = "",
    address: Annotated[str, typer.Option(help="Where it came from.")] = "",
    since: Annotated[str, typer.Option(help="2026-11-01T00:00:00Z or later")] = "",
    until: Annotated[str, typer.Option(help="Earlier than that.")] = "",
    installation: Annotated[bool, typer.Option("--installation", help="Of every workspace (operators).")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    after: Annotated[str, typer.Option(help="next_cursor of the page before")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Everything that matches as CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Who did what, on what, from where, and with which outcome; the newest first (owners and admins)."""
    chosen = {"operation": operation, "outcome": outcome, "actor": actor, "target_id": target, "address": address,
              "at_or_after": since, "before": until, "scope": "installation" if installation else ""}
    with session() as client:
        if as_csv:
            sys.stdout.write(client.audit_csv(**chosen))
            return
        page = client.audit(limit, after=after, **chosen)
    if out.result(page):
        return
    out.table(["at", "operation", "outcome", "on", "by", "from"], [_row(entry) for entry in page.data])
    if page.has_more:
        out.say(f"More: brightrun audit --after {page.next_cursor}")


def _row(entry: dict[str, Any]) -> list[str]:
    outcome = entry["outcome"] + (f" ({entry['code']})" if entry["code"] else "")
    on = " ".join(filter(None, (entry["target_kind"], entry["target_id"])))
    by = " ".join(filter(None, (entry["actor"] or entry["actor_kind"], entry["credential"])))
    return [entry["at"][:19], entry["operation"], outcome, on, by, entry["address"]]

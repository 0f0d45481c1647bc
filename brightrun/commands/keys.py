"""`brightrun keys`: the workspace's API keys, and new ones in the place of old ones."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from brightrun.credentials import replace_stored_key
from brightrun.errors import BrightrunError
from brightrun.models import ApiKey
from brightrun.output import out
from brightrun.session import Json, plainly, session

app = typer.Typer(no_args_is_help=True, help="API keys (admins).")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command("list")
@plainly
def list_keys(as_json: Json = False) -> None:
    """All keys of the workspace, revoked ones included; when each was last used."""
    with session() as client:
        keys = client.api_keys()
    if out.result([key.model_dump(mode="json") for key in keys]):
        return
    rows = [[key.id, key.name, key.prefix, key.email, ", ".join(key.roles), _state(key), _when(key.last_used_at)]
            for key in keys]
    out.table(["id", "name", "begins with", "user", "roles", "state", "last used"], rows)


@app.command("rotate")
@plainly
def rotate(
    key: Annotated[str, typer.Argument(help="id or beginning of a key; the one in use if absent")] = "",
    keep: Annotated[str, typer.Option(help="how long the key before works on: 0s, 30m, 24h, 7d")] = "24h",
    as_json: Json = False,
) -> None:
    """A new key in the place of one in use. The one before works on for a while, so that nobody stands without."""
    with session() as client:
        own = client.credentials.api_key
        before = _found(client.api_keys(), key or own[:11])
        made = client.rotate_api_key(before.id, _seconds(keep))
        stored = made.key is not None and own.startswith(before.prefix) and replace_stored_key(own, made.key)
    if out.result(made):
        return
    out.say(f"Key {made.id} takes the place of {before.id}, which works on for {keep}.")
    if made.key is None:
        out.say("The answer with the key was lost on its way: rotate once more.")
    elif stored:
        out.say(f"The new key is in {stored}.")
    else:
        out.say(f"It is shown this once: {made.key}")


def _found(keys: list[ApiKey], wanted: str) -> ApiKey:
    found = next((key for key in keys if wanted in (key.id, key.prefix)), None)
    if found is None:
        raise BrightrunError(f"There is no key {wanted} in your workspace.", "brightrun keys list shows all.")
    return found


def _seconds(text: str) -> int:
    parsed = re.fullmatch(r"(\d+)([smhd])", text)
    if parsed is None:
        raise typer.BadParameter(f"{text!r} is no duration: write it as 30m, 24h or 7d")
    return int(parsed[1]) * _SECONDS[parsed[2]]


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "works"
    return "expired" if key.expires_at <= datetime.now(UTC) else f"works until {_when(key.expires_at)}"


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"

"""`brightrun members`: who is let in, and as what; for admins."""

from typing import Annotated

import typer

from brightrun.output import out
from brightrun.session import Json, plainly, session

app = typer.Typer(no_args_is_help=True, help="Members of the workspace (admins).")


@app.command("list")
@plainly
def list_members(as_json: Json = False) -> None:
    """Everybody in the workspace."""
    with session() as client:
        page = client.members()
    if not out.result(page):
        out.table(["id", "address", "name", "roles"], [
            [member["id"], member["email"], member["display_name"], ", ".join(member["roles"])]
            for member in page.data])


@app.command("set")
@plainly
def set_member(
    email: str,
    role: Annotated[list[str], typer.Option(help="engineer, analyst, owner or admin; several times. Exactly these.")],
    as_json: Json = False,
) -> None:
    """Let somebody in, at their first sign-in if they are new, or change what they may do."""
    with session() as client:
        member = client.set_member(email, role)
    if not out.result(member):
        out.say(f"{member['email']} is {', '.join(member['roles'])}.")


@app.command("remove")
@plainly
def remove(user_id: Annotated[str, typer.Argument(metavar="ID", help="See `members list`.")],
           as_json: Json = False) -> None:
    """Take somebody out; their sessions and keys in this workspace stop working at once."""
    with session() as client:
        found = client.remove_member(user_id)
    if not out.result(found):
        out.say("Removed. Their sessions and keys of this workspace work no more.")

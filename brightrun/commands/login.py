"""`brightrun login` and `brightrun logout`: a session instead of a key."""

import os
import webbrowser
from typing import Annotated, Any

import typer

from brightrun import sign_in
from brightrun.client import Client
from brightrun.credentials import Credentials, find_credentials, forget_login, remember_login
from brightrun.errors import ApiError, BrightrunError, NoCredentials
from brightrun.output import out
from brightrun.session import Json, plainly


@plainly
def login(
    url: Annotated[str, typer.Option(help="The API's address; else BRIGHTRUN_URL, or the one known here.")] = "",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Show the address and ask for the code.")] = False,
    workspace: Annotated[str, typer.Option(help="The id of one of your workspaces.")] = "",
    timeout: Annotated[int, typer.Option(min=5, max=3600, help="Seconds to wait for the browser.")] = 300,
    as_json: Json = False,
) -> None:
    """Sign in with the installation's identity provider; later commands use the session until it ends."""
    address = (url or _known_url()).rstrip("/")
    session = _by_code(address, workspace) if no_browser else _by_browser(address, workspace, timeout)
    path = remember_login(Credentials(address, session["token"]), session["expires_at"])
    if not out.result({name: value for name, value in session.items() if name != "token"}):
        out.say(f"Signed in as {session['email']} ({', '.join(session['roles'])}) until {session['expires_at'][:16]}.")
        out.say(f"The session is in {path}; brightrun logout ends it.")


@plainly
def logout(as_json: Json = False) -> None:
    """End the session of `brightrun login`, here and at the server."""
    credentials = forget_login()
    if credentials is None:
        raise NoCredentials("Nobody is signed in.", "brightrun login")
    try:
        with Client(credentials) as client:
            client.sign_out()
    except ApiError as error:
        if error.status != 401:  # it was over already
            raise
    if not out.result({"signed_out": True}):
        out.say("Signed out.")


def _by_browser(address: str, workspace: str, timeout_s: float) -> dict[str, Any]:
    with sign_in.Listener() as listener:
        pending = sign_in.begin(address, listener.redirect_uri, workspace)
        sign_in.check(pending)
        out.note(f"Your browser opens. If it does not: {pending.address}")
        webbrowser.open(pending.address)
        return sign_in.redeem(pending, listener.code(pending.state, timeout_s))


def _by_code(address: str, workspace: str) -> dict[str, Any]:
    pending = sign_in.begin(address, sign_in.SHOW_CODE, workspace)
    sign_in.check(pending)
    out.note(f"Open this address in a browser, anywhere:\n{pending.address}")
    return sign_in.redeem(pending, typer.prompt("Code", err=True))


def _known_url() -> str:
    if named := os.environ.get("BRIGHTRUN_URL"):
        return named
    try:
        return find_credentials().url
    except NoCredentials:
        raise BrightrunError("Which API is it? None is known here.", "brightrun login --url https://...") from None

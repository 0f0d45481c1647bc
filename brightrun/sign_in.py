"""Signing in from a terminal: the browser does it, and a code comes back to this program alone (RFC 8252, PKCE)."""

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from brightrun.errors import ApiError, BrightrunError, Unreachable
from brightrun.http import problem_of

AUTH = "/api/training/auth"
SHOW_CODE = "urn:brightrun:show-code"
_PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title>
<p style="font: 16px/1.6 system-ui, sans-serif; margin: 4rem auto; max-width: 40rem">%s</p></html>"""


@dataclass(frozen=True)
class Pending:
    """A sign-in that has begun. `address` is for the browser."""

    api_url: str
    address: str
    verifier: str
    state: str


def begin(api_url: str, redirect_uri: str, workspace_id: str = "", invitation: str = "") -> Pending:
    """`invitation`: the secret of one that the sign-in accepts."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    chosen = {"workspace_id": workspace_id, "invitation": invitation}
    query = {"redirect_uri": redirect_uri, "code_challenge": challenge, "code_challenge_method": "S256",
             "state": state} | {name: value for name, value in chosen.items() if value}
    return Pending(api_url, f"{api_url}{AUTH}/oidc?{urlencode(query)}", verifier, state)


def check(pending: Pending) -> None:
    """Whether the API would begin it, before a browser opens. Raises ApiError, Unreachable."""
    try:
        answer = httpx.get(pending.address, follow_redirects=False, timeout=30)
    except httpx.TransportError as error:
        raise _unreachable(pending.api_url, error) from error
    if not answer.is_redirect:
        raise ApiError(problem_of(answer))


def redeem(pending: Pending, code: str) -> dict[str, Any]:
    """The session. Raises ApiError, Unreachable."""
    try:
        answer = httpx.post(f"{pending.api_url}{AUTH}/token", timeout=30,
                            json={"code": code.strip(), "code_verifier": pending.verifier})
    except httpx.TransportError as error:
        raise _unreachable(pending.api_url, error) from error
    if not answer.is_success:
        raise ApiError(problem_of(answer))
    return dict(answer.json())


class Listener:
    """`with Listener() as listener`: waits at a port of this machine for the browser to come back."""

    def __init__(self) -> None:
        self._came: list[dict[str, str]] = []
        self._news = threading.Event()
        self._server = HTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def redirect_uri(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/signed-in"

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, found: dict[str, str]) -> None:
        self._came.append(found)
        self._news.set()

    def code(self, state: str, timeout_s: float) -> str:
        """What came with our state; other callers of the port are not heard. Raises BrightrunError."""
        end = time.monotonic() + timeout_s
        while self._news.wait(max(0.0, end - time.monotonic())):
            self._news.clear()
            for found in self._came:
                if secrets.compare_digest(found.get("state", ""), state):
                    return _code_of(found)
        raise BrightrunError("Nobody signed in.", "Try again; without a browser here: brightrun login --no-browser")


def _code_of(found: dict[str, str]) -> str:
    if found.get("code"):
        return found["code"]
    raise BrightrunError(found.get("error_description") or "The sign-in failed.",
                         "Try again, or ask whoever runs the server.")


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            found = {name: values[0] for name, values in parse_qs(address.query).items()}
            is_back = address.path == "/signed-in" and "state" in found
            words = b"You can close this page." if is_back else b"Nothing is here."
            self.send_response(200 if is_back else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(_PAGE % words)
            if is_back:
                listener.take(found)

        def log_message(self, *_: Any) -> None:
            """A code in an address is nobody's to read."""

    return Handler


def _unreachable(url: str, error: Exception) -> Unreachable:
    return Unreachable(f"The API at {url} does not answer ({error or type(error).__name__}).",
                       "Check the address: brightrun login --url https://...")

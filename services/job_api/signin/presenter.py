"""Sessions, and the way back from a sign-in, as callers see them."""

from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from services.job_api.signin.application.sessions import NewSession

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign-in</title>
<style>body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }}
code {{ font-size: 1.2rem; overflow-wrap: anywhere }} :root {{ color-scheme: light dark }}</style>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""


def session(opened: NewSession, email: str | None, roles: Iterable[str]) -> dict[str, Any]:
    return {
        "object": "session", "id": opened.id, "token": opened.token, "token_type": "Bearer",
        "expires_at": opened.expires_at, "user_id": opened.user_id, "email": email,
        "workspace_id": opened.workspace_id, "roles": sorted(roles)}


def way_back(redirect_uri: str, state: str, **found: str) -> str:
    """The address of whoever began the sign-in, with what came of it."""
    query = urlencode({**found, **({"state": state} if state else {})})
    return f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{query}"


def code_page(code: str) -> str:
    """For a program elsewhere. The code alone opens nothing: its verifier never left that program."""
    return _PAGE.format(title="You are signed in", content=(
        f"<p>Paste this code into the terminal in which you began the sign-in, within two minutes:</p>\n"
        f"<p><code>{escape(code)}</code></p>\n<p>Give it to nobody who asks you for it.</p>"))


def refusal_page(title: str, detail: str, fix: str) -> str:
    return _PAGE.format(title=escape(title), content=f"<p>{escape(detail)}</p>\n<p>{escape(fix)}</p>")

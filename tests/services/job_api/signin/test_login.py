"""`brightrun login` against the real API and a real issuer, with a browser that follows where it is led."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading

import httpx
import pytest
from typer.testing import CliRunner

from brightrun import sign_in
from brightrun.cli import app
from brightrun.credentials import find_credentials, login_file, remember_login
from brightrun.errors import BrightrunError
from brightrun.exit_codes import Exit


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """A user without keys, and whose browser follows every redirect."""
    for name in ("BRIGHTRUN_URL", "BRIGHTRUN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.setattr("brightrun.commands.login.webbrowser.open", open_browser)


def open_browser(address: str) -> bool:
    threading.Thread(target=browse, args=(address,), daemon=True).start()
    return True


def browse(address: str) -> str:
    with httpx.Client(follow_redirects=True, timeout=30) as browser:
        return browser.get(address).text


async def run(*arguments: str, given: str | None = None):
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), given)


async def test_login_and_logout(house, at_home) -> None:
    await house.invite()
    done = await run("login", "--url", house.api.url)
    assert done.exit_code == 0, done.output
    assert "Signed in as ada@example.com (engineer)" in done.stdout
    assert login_file().stat().st_mode & 0o777 == 0o600
    found = await asyncio.to_thread(find_credentials)
    assert (found.url, found.source) == (house.api.url, str(login_file()))
    assert found.api_key not in done.output
    listed = await run("jobs", "list", "--json")
    assert (listed.exit_code, json.loads(listed.stdout)["data"]) == (0, [])
    over = await run("logout")
    assert (over.exit_code, login_file().exists()) == (0, False)
    async with house.api.as_key(found.api_key) as client:
        assert (await client.get("/me")).status_code == 401
    assert (await run("logout")).exit_code == Exit.UNAUTHORIZED


@pytest.mark.slow
async def test_a_terminal_without_a_browser_is_given_the_code(house, at_home, monkeypatch) -> None:
    await house.invite()

    shown: list[str] = []

    def type_what_the_browser_shows(*_: object, **__: object) -> str:
        return re.search(r"<code>([\w-]+)</code>", browse(shown[-1].splitlines()[-1]))[1]

    monkeypatch.setattr("brightrun.commands.login.out.note", shown.append)
    monkeypatch.setattr("brightrun.commands.login.typer.prompt", type_what_the_browser_shows)
    done = await run("login", "--url", house.api.url, "--no-browser", "--json")
    assert done.exit_code == 0, done.output
    assert "token" not in json.loads(done.stdout)
    assert (await run("doctor", "--json")).stdout


@pytest.mark.slow
async def test_whoever_is_no_member_is_told_why(house, at_home) -> None:
    done = await run("login", "--url", house.api.url)
    assert done.exit_code == Exit.FAILED
    assert "nobody with your address is a member" in done.output
    assert not login_file().exists()


@pytest.mark.slow
async def test_an_installation_without_sign_in_says_so_before_a_browser_opens(build, at_home, monkeypatch) -> None:
    house = await build(issuer="")
    monkeypatch.setattr("brightrun.commands.login.webbrowser.open", lambda _: pytest.fail("opened"))
    done = await run("login", "--url", house.api.url)
    assert (done.exit_code, "sign_in_disabled" in done.output) == (Exit.NOT_FOUND, True)


def test_an_api_that_is_not_there(at_home) -> None:
    assert CliRunner().invoke(app, ["login", "--url", "http://127.0.0.1:1"]).exit_code == Exit.UNREACHABLE
    assert CliRunner().invoke(app, ["login"]).exit_code == Exit.FAILED


def test_the_listener_hears_its_own_state_only() -> None:
    with sign_in.Listener() as listener:
        for query in ("code=forged&state=other", "code=right&state=mine"):
            httpx.get(f"{listener.redirect_uri}?{query}")
        assert httpx.get(listener.redirect_uri).status_code == 404
        assert listener.code("mine", 10) == "right"
        with pytest.raises(BrightrunError, match="Nobody signed in"):
            listener.code("never", 0.05)


def test_a_session_goes_to_its_own_api_only_and_ends(at_home, monkeypatch) -> None:
    from brightrun.credentials import Credentials
    from brightrun.errors import NoCredentials

    remember_login(Credentials("https://api.example.com", "brs_x"), "2999-01-01T00:00:00+00:00")
    assert find_credentials().api_key == "brs_x"
    monkeypatch.setenv("BRIGHTRUN_URL", "https://elsewhere.example.com")
    with pytest.raises(NoCredentials):
        find_credentials()
    monkeypatch.setenv("BRIGHTRUN_API_KEY", "br_env")
    assert find_credentials().api_key == "br_env"
    for name in ("BRIGHTRUN_URL", "BRIGHTRUN_API_KEY"):
        monkeypatch.delenv(name)
    remember_login(Credentials("https://api.example.com", "brs_x"), "2020-01-01T00:00:00Z")
    with pytest.raises(NoCredentials, match="No API key"):
        find_credentials()
    assert os.listdir(login_file().parent) == ["login.json"]

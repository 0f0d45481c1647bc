"""The image of all services and the command line (`Dockerfile`) and what has to hold of it."""

from __future__ import annotations

import time

from stack.dashboard import DASHBOARD
from stack.images.build import Build
from stack.images.engine import LOCKED, Engine
from stack.layout import ROOT
from stack.nats_permissions import SERVICES
from stack.problems import StackError

_MAKES_THE_PAGE = """from services.dashboard.app import create_app
from services.dashboard.pdf.typesetter import Typesetter
from services.dashboard.settings import Settings
create_app(Settings())
empty = dict.fromkeys(("jobs", "rows", "settings", "charts", "missing", "notes", "would_change"), ())
words = dict.fromkeys(("title", "made_at_words", "reason"), "none")
made = Typesetter().pdf("comparison.typ", {
    **empty, **words, "recommended": None, "link": "http://page", "made_at": "2026-11-29T00:00:00+00:00"})
assert made.startswith(b"%PDF"), made[:100]
"""


def services(tag: str, base: str = "", target: str = "services") -> Build:
    """Target `local` holds the trainer's packages too, for trainings on the same machine; target `ops` makes secrets
    and backups."""
    return Build(ROOT / "Dockerfile", tag, base, target)


def try_services(engine: Engine, tag: str) -> list[str]:
    """What was seen to hold: every service loads, and not as root; the command line answers.

    Raises StackError with what does not.
    """
    programs = (*SERVICES, DASHBOARD)
    program = f"import importlib, os\nfor name in {programs}:\n    importlib.import_module(f'services.{{name}}.app')\n"
    loaded = engine.python(tag, program + "assert os.getuid() != 0, 'runs as root'\nprint('uid', os.getuid())")
    engine.python(tag, _MAKES_THE_PAGE)  # what browsers are given is in the image, and what sets its documents
    answer = engine.output(*LOCKED, tag, "brightrun", "--help")
    if answer.returncode != 0:
        raise StackError(f"{tag}: the command line ended with {answer.returncode}:\n{answer.stderr[-2000:]}")
    size = int(engine.output("inspect", "--format", "{{.Size}}", tag).stdout)
    return [f"{len(programs)} services load ({loaded}), {size / 1e6:.0f} MB", "the command line answers",
            f"a service serves on a read-only disk and stops in {stop_time(engine, tag):.1f} s"]


def try_ops(engine: Engine, tag: str) -> list[str]:
    """What was seen to hold: it makes secrets on a read-only disk, and has PostgreSQL's programs for backups.

    Raises StackError with what does not.
    """
    made = engine.output(*LOCKED, tag, "ops.secrets", "/tmp/secrets")  # noqa: S108
    program = ("import subprocess\nfrom ops.backup.postgres import program\n"
               "print(subprocess.check_output([program('pg_basebackup'), '--version'], text=True).strip())")
    if made.returncode != 0:
        raise StackError(f"{tag} makes no secrets:\n{made.stderr[-2000:]}")
    return ["it makes secrets", engine.python(tag, program)]


def stop_time(engine: Engine, tag: str) -> float:
    """Seconds from SIGTERM to the end of a service that serves. Raises StackError unless it ends with 0."""
    name = f"brightrun-stop-{time.monotonic_ns()}"
    address = ("--env", "BRIGHTRUN_DATABASE_URL=postgresql+asyncpg://nobody:none@127.0.0.1:1/none")
    options = [word for word in LOCKED if word != "--rm"]
    try:
        engine.output(*options, "--detach", "--name", name, *address, tag, "services.notifier")
        _wait_until_alive(engine, name)
        began = time.monotonic()
        engine.output("stop", "--time", "10", name)
        took = time.monotonic() - began
        # Killed after ten seconds it would end with 137.
        if (code := engine.output("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()) != "0":
            raise StackError(f"{tag}: a service that was told to stop ended with {code}.")
    finally:
        engine.output("rm", "--force", name)
    return took


def _wait_until_alive(engine: Engine, name: str, patience_s: float = 60.0) -> None:
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/health/live').status)"
    deadline = time.monotonic() + patience_s
    while engine.output("exec", name, "python", "-c", ask).stdout.strip() != "200":
        if time.monotonic() > deadline:
            raise StackError(f"A service does not serve in {name}:\n{engine.output('logs', name).stderr[-2000:]}")
        time.sleep(0.5)

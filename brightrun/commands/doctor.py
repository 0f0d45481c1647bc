"""`brightrun doctor`: what is wrong on this machine, with the fix beside each finding."""

import typer

from brightrun.checks import ALL, Finding
from brightrun.exit_codes import Exit
from brightrun.output import out
from brightrun.session import Json, plainly

_STYLES = {"ok": "green", "note": "yellow", "failed": "red"}


@plainly
def doctor(as_json: Json = False) -> None:
    """Check Python, disk, ports, every part of the stack, keys and GPU."""
    findings = [finding for check in ALL for finding in check()]
    if not out.result([finding.__dict__ for finding in findings]):
        for finding in findings:
            _show(finding)
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _show(finding: Finding) -> None:
    out.console.print(f"{finding.state:7}", style=_STYLES[finding.state], end="", markup=False)
    out.console.print(f"{finding.name:18} {finding.detail}", markup=False)
    if finding.fix:
        out.console.print(f"{'':25} -> {finding.fix}", markup=False)

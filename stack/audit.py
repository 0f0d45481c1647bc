"""python -m stack.audit [--osv URL] [FILE ...]: are vulnerabilities known of what the lock files name?

Runs pip-audit over requirements/ and the trainer's list, one file after the other. Exit status: 0 everything was looked
up and nothing is known, 1 vulnerabilities are known, 3 something could not be looked up: the database was not reached
(pip-audit itself calls that a success), or does not know the package.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.install.locks import ALL, TORCH_CPU
from stack.layout import ROOT

CLEAN, VULNERABLE, UNKNOWN = 0, 1, 3
# Of the CPU's build of torch no index knows anything; torch itself stands in the list for CUDA.
FILES = [path for path in ALL if path != TORCH_CPU]


@dataclass(frozen=True)
class Audit:
    """`checked`: how many packages were looked up. `known`: a line for each vulnerability. `unchecked`: why not."""

    checked: int = 0
    known: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def audit(path: Path, osv: str = "") -> Audit:
    service = ["--vulnerability-service", "osv", "--osv-url", osv] if osv else []
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--requirement", str(path), "--require-hashes", "--disable-pip",
         "--format", "json", "--progress-spinner", "off", *service], check=False, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return Audit(unchecked=[lines[-1][:300] if lines else f"pip-audit ended with {done.returncode}"])
    return _read(found)


def _read(found: Sequence[dict[str, Any]]) -> Audit:
    known = [f"{package['name']} {package['version']}: {vulnerability['id']}, "
             f"mended in {', '.join(vulnerability['fix_versions']) or 'no release yet'}"
             for package in found for vulnerability in package.get("vulns", ())]
    unchecked = [package["skip_reason"] for package in found if "skip_reason" in package]
    return Audit(len(found) - len(unchecked), known, unchecked)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m stack.audit", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=FILES)
    parser.add_argument("--osv", default="", metavar="URL", help="ask this OSV database instead of the package index")
    options = parser.parse_args(arguments)
    results = [_tell(path, audit(path, options.osv)) for path in options.files]
    if any(result.known for result in results):
        return VULNERABLE
    if any(result.unchecked for result in results):
        print("\nNOT EVERYTHING WAS CHECKED. Run it again where the database of vulnerabilities can be reached.")
        return UNKNOWN
    return CLEAN


def _tell(path: Path, result: Audit) -> Audit:
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    print(f"{name}: {result.checked} packages looked up, {len(result.known)} vulnerabilities known", flush=True)
    for line in result.known:
        print(f"   {line}")
    if result.unchecked:
        more = f" (and {len(result.unchecked) - 1} more)" if len(result.unchecked) > 1 else ""
        print(f"   not looked up: {result.unchecked[0]}{more}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())

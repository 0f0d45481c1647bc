"""Metric points stored a second: ours beside an MLflow server and Trackio.

    python -m benchmarks peers        or: python -m benchmarks.peers [--rounds N] [--json PATH]

Each peer gets an environment of its own in a temporary folder, from a package registry, at a pinned version; one that
cannot be installed is left out and said so. The contenders take turns, round by round: the machine's speed varies, so
a ratio is taken within each round, and the table shows the median of the rounds.

They do not promise the same: ours survives a crash of any part between the trainer and the table and finds
repetitions; MLflow takes a batch or refuses it; Trackio's points are in the training's process until they are written.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.peers.contenders import OURS, PEERS, Contender
from benchmarks.peers.environment import NotInstalled, make

Rates = dict[str, list[float]]


def main(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="brightrun-peers-", ignore_cleanup_errors=True) as folder:
        interpreters, left_out = _install(Path(folder))
        rates = _measure(interpreters, rounds)
    table = [_row(contender, rates) for contender in (OURS, *PEERS) if contender.name in rates]
    _print(table, left_out, rounds)
    return {"peers": {"rounds": rates, "left_out": left_out}}


def _install(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Interpreters of the peers that could be installed, and why the others could not."""
    interpreters, left_out = {}, {}
    for number, peer in enumerate(PEERS):
        print(f"installing {peer.requirement} ...", flush=True)
        try:
            interpreters[peer.name] = make(folder / str(number), peer.requirement)
        except NotInstalled as error:
            left_out[peer.name] = str(error)
    return interpreters, left_out


def _measure(interpreters: Mapping[str, Path], rounds: int) -> Rates:
    rates: Rates = {}
    for _ in range(rounds):
        for contender in (OURS, *(peer for peer in PEERS if peer.name in interpreters)):
            rate = contender.round(interpreters.get(contender.name), contender.points)
            rates.setdefault(contender.name, []).append(rate)
            print(f"{contender.name:<16} {rate:>12,.0f} points/s", flush=True)
    return rates


def _row(contender: Contender, rates: Rates) -> tuple[str, str, float, float]:
    """Name, what it does, median points a second, and how many times as many are ours."""
    own = rates[contender.name]
    ratios = [ours / theirs for ours, theirs in zip(rates[OURS.name], own, strict=True)]
    return contender.name, contender.what, statistics.median(own), statistics.median(ratios)


def _print(table: Sequence[tuple[str, str, float, float]], left_out: Mapping[str, str], rounds: int) -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {machine}, median of {rounds} rounds\n")
    print("| who | what | points/s | ours is |\n| --- | --- | --- | --- |")
    for name, what, rate, ratio in table:
        print(f"| {name} | {what} | {rate:,.0f} | {ratio:,.1f} x |")
    for name, reason in left_out.items():
        print(f"\n{name} was left out: {reason}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="metric points stored a second, beside others")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = main(arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")

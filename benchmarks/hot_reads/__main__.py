"""One job, a list of 20 and the presets, each beside a bare handler with the same bytes, in alternating rounds.

python -m benchmarks.hot_reads [--json PATH] [--rounds N] [--seconds S]

The ratio is the bare handler's requests/s over the product's; beside it the ratio of CPU time per request, which
neighbours on the machine hardly change.
"""

import argparse
import asyncio
import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx

from benchmarks.hot_reads import rows, servers
from benchmarks.hot_reads.load import requests_per_s

ROUNDS, SECONDS, WARM_UP_S = 7, 4.0, 2.0
Reads = dict[str, str]


@dataclass
class Measured:
    """Of one server and one read, a value for each round."""

    requests_per_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        found = stack.enter_context(servers.parts(folder))
        owner = asyncio.run(rows.credentials(found.database_url, folder))
        product = stack.enter_context(servers.job_api(found, folder))
        ids = asyncio.run(rows.fill(product.root, found.database_url, found.nats_url, owner))
        bare = stack.enter_context(servers.bare(found, folder, owner["workspace_id"]))
        reads = {"job": f"/jobs/{ids[-1]}", "job_list": "/jobs?limit=20", "presets": "/presets"}
        authorization = f"Bearer {owner['api_key']}"
        for path in reads.values():
            _must_be_equal(product, bare, path, authorization)
        figures: dict[str, float] = {}
        for read, path in reads.items():
            figures |= _compared(read, path, product, bare, authorization, options.rounds, options.seconds)
        compact = _rounds([product], "/jobs?limit=20&view=compact", authorization, options.rounds, options.seconds)
        figures["compact_list_requests_per_s"] = median(compact[0].requests_per_s)
    for name, value in figures.items():
        print(f"{name:32} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


def _must_be_equal(product: servers.Server, bare: servers.Server, path: str, authorization: str) -> None:
    answers = [httpx.get(server.root + path, headers={"authorization": authorization}) for server in (product, bare)]
    if answers[0].status_code != 200 or answers[0].content != answers[1].content:
        raise SystemExit(f"{path}: the two servers answer differently:\n{answers[0].text}\n{answers[1].text}")


def _compared(
    read: str, path: str, product: servers.Server, bare: servers.Server, authorization: str, rounds: int,
    seconds: float,
) -> dict[str, float]:
    ours, theirs = _rounds([product, bare], path, authorization, rounds, seconds)
    ratios = [their / our for our, their in zip(ours.requests_per_s, theirs.requests_per_s, strict=True)]
    print(f"{read}: ratios of the rounds {', '.join(f'{ratio:.2f}' for ratio in ratios)}", flush=True)
    return {
        f"{read}_requests_per_s": median(ours.requests_per_s),
        f"{read}_bare_requests_per_s": median(theirs.requests_per_s),
        f"{read}_to_bare_ratio": median(ratios),
        f"{read}_cpu_ms": median(ours.cpu_ms),
        f"{read}_bare_cpu_ms": median(theirs.cpu_ms),
        f"{read}_to_bare_cpu_ratio": median(ours.cpu_ms) / median(theirs.cpu_ms),
    }


def _rounds(
    asked: list[servers.Server], path: str, authorization: str, rounds: int, seconds: float
) -> list[Measured]:
    measured = [Measured() for _ in asked]
    for server in asked:
        requests_per_s(server.root + path, authorization, WARM_UP_S, servers.OTHER_CORES)
    for _ in range(rounds):
        for server, values in zip(asked, measured, strict=True):
            before = server.cpu_s()
            rate = requests_per_s(server.root + path, authorization, seconds, servers.OTHER_CORES)
            values.requests_per_s.append(rate)
            values.cpu_ms.append((server.cpu_s() - before) * 1000 / (rate * seconds))
    return measured


if __name__ == "__main__":
    main()

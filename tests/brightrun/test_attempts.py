"""`brightrun attempts` and what `jobs show` says of interruptions."""

import json

from brightrun.exit_codes import Exit
from tests.brightrun.test_commands import JOB, body, run

ATTEMPT = {
    "attempt": 1, "outcome": "interrupted", "cause": "The provider took the machine back: SIGTERM.",
    "requested_at": "2026-11-22T11:58:00Z", "started_at": "2026-11-22T12:00:00Z", "ended_at": "2026-11-22T12:30:00Z",
    "gpu_type": "h100_pcie_80gb", "gpu_model": "NVIDIA H100 80GB HBM3", "gpu_pricing_tier": "spot",
    "rate_micro_usd_per_hour": 1_925_000, "from_step": 0, "to_step": 160, "steps_redone": 0, "minutes_lost": 14.0,
    "lost_micro_usd": 256_000, "cost_micro_usd": 962_500,
}
SECOND = ATTEMPT | {
    "attempt": 2, "outcome": "running", "cause": "", "ended_at": None, "from_step": 100, "to_step": 170,
    "steps_redone": 60, "minutes_lost": 0.0, "lost_micro_usd": 0, "gpu_model": "",
    "rate_micro_usd_per_hour": None,
}
FOUND = {"data": [ATTEMPT, SECOND], "totals": {"sentence": "Interrupted 1x, resumed; 60 steps done again."}}


def test_attempts_show_the_machine_its_price_and_what_was_lost(as_user, faulty_api, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    faulty_api.answers = [body(FOUND)]
    shown = run("attempts", "j-1")
    assert shown.exit_code == Exit.OK
    for words in ("NVIDIA H100 80GB HBM3 spot", "$1.93/h", "0-160", "14.0 min, $0.26", "took the machine back",
                  "running",
                  "h100_pcie_80gb spot", "Interrupted 1x, resumed; 60 steps done again."):
        assert words in shown.stdout
    assert json.loads(run("attempts", "j-1", "--json").stdout) == FOUND


def test_show_says_what_is_done_again_and_how_often_it_was_interrupted(as_user, faulty_api) -> None:
    faulty_api.answers = [body(JOB | {
        "status": "training", "progress": {"message": "Steps 101 to 160 are done again; step 100 is safe."},
        "interruptions": {"count": 2, "sentence": "Interrupted 2x, resumed."}})]
    text = run("jobs", "show", "j-1").stdout
    assert "Steps 101 to 160 are done again; step 100 is safe." in text
    assert "Interrupted 2x, resumed. See: brightrun attempts j-1" in text

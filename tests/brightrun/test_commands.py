"""The command line as a user sees it: words, JSON and exit codes."""

import hashlib
import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from brightrun.choices import PresetName
from brightrun.cli import app
from brightrun.exit_codes import Exit
from contracts.presets import PRESETS
from tests.brightrun.conftest import Answer, problem

EXAMPLES = Path(__file__).parents[2] / "examples"
BROKEN = sorted(path for path in (EXAMPLES / "broken").glob("*.json*") if path.name != "expected.json")
JOB = {
    "id": "j-1",
    "name": "Elena",
    "status": "completed",
    "progress_percentage": 100,
    "current_step": 9,
    "total_steps": 9,
    "latest_loss": 1.25,
    "actual_cost_micro_usd": 1200,
    "cost_estimate_micro_usd": 1500,
    "cost_is_final": True,
    "allowed_actions": ["download"],
    "checkpoint_recovery_count": 1,
    "validation": {
        "perplexity_baseline": 20.0,
        "perplexity_trained": 15.0,
        "perplexity_improvement_pct": 25.0,
        "improvement_low_pct": 20.1,
        "improvement_high_pct": 30.2,
        "verdict": "proven",
    },
}


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def body(value) -> Answer:
    return Answer(body=json.dumps(value).encode())


def test_validate_reports_a_good_file() -> None:
    result = run("validate", str(EXAMPLES / "sample.json"))
    assert result.exit_code == Exit.OK
    assert "trainable" in result.stdout
    assert json.loads(run("validate", str(EXAMPLES / "sample.json"), "--json").stdout)["can_train"] is True


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.name)
def test_validate_says_what_is_wrong_with_each_broken_file(path: Path) -> None:
    expected = json.loads((EXAMPLES / "broken" / "expected.json").read_text())
    result = run("validate", str(path))
    assert expected[path.name] in result.output + result.stderr
    assert "Traceback" not in result.output


def test_a_file_that_is_not_there() -> None:
    result = run("validate", "/does/not/exist.json")
    assert result.exit_code == Exit.FAILED
    assert "No such file" in result.stderr


def test_show_says_status_cost_and_proof(as_user, faulty_api) -> None:
    faulty_api.answers = [body(JOB)]
    text = run("jobs", "show", "j-1").stdout
    assert "$0.0012" in text
    assert "20.00 -> 15.00 (25.0 % better, 95 % interval 20.1 to 30.2 %): proven for conversations of the kind" in text
    assert json.loads(run("jobs", "show", "j-1", "--json").stdout)["id"] == "j-1"


def test_the_list_asks_for_what_a_table_shows_and_json_gets_everything(as_user, faulty_api) -> None:
    page = {"data": [JOB | {"preset": "balanced"}], "has_more": False, "next_cursor": None}
    faulty_api.answers = [body(page)]
    shown = run("jobs", "list")
    assert shown.exit_code == Exit.OK
    assert "Elena" in shown.stdout
    assert json.loads(run("jobs", "list", "--json").stdout)["data"] == page["data"]
    assert ["view=compact" in path for _, path, _, _ in faulty_api.seen] == [True, False]


def test_what_got_worse_is_not_called_better_by_a_negative_share(as_user, faulty_api) -> None:
    worse = {"verdict": "worse", "perplexity_improvement_pct": -276.3}
    faulty_api.answers = [body(JOB | {"validation": JOB["validation"] | worse})]
    assert "(276.3 % worse" in run("jobs", "show", "j-1").stdout


def test_too_few_conversations_show_no_interval_and_no_badge(as_user, faulty_api) -> None:
    few = {"verdict": "too_few", "missing_conversations": 8, "improvement_low_pct": None, "improvement_high_pct": None}
    faulty_api.answers = [body(JOB | {"validation": JOB["validation"] | few})]
    text = run("jobs", "show", "j-1").stdout
    assert "20.00 -> 15.00 (25.0 % better): too few to prove; 8 more held-out conversations are needed" in text
    assert "interval" not in text
    assert "proven" not in text


def test_what_got_worse_is_pointed_to(as_user, faulty_api) -> None:
    some = {"conversations": 24, "worse_conversations": 2}
    faulty_api.answers = [body(JOB | {"validation": JOB["validation"] | some})]
    text = run("jobs", "show", "j-1").stdout
    assert "2 of the 24 held-out conversations got worse: GET /api/training/jobs/j-1/evaluation" in text


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(401, "unauthenticated"), Exit.UNAUTHORIZED),
        (problem(403, "forbidden"), Exit.UNAUTHORIZED),
        (problem(404, "job_not_found"), Exit.NOT_FOUND),
        (problem(409, "invalid_transition"), Exit.CONFLICT),
        (problem(402, "budget_exceeded"), Exit.BUDGET),
        (problem(500, "internal"), Exit.FAILED),
    ],
)
def test_each_refusal_has_words_a_fix_and_its_exit_code(as_user, faulty_api, answer, code) -> None:
    faulty_api.answers = [answer]
    result = run("jobs", "cancel", "j-1")
    assert result.exit_code == code
    assert "It does not work." in result.stderr
    assert "What to do: Do it otherwise." in result.stderr
    assert result.stdout == ""


def test_a_cancellation_waits_for_the_machine_and_says_the_final_cost(as_user, faulty_api) -> None:
    cancelled = JOB | {"status": "cancelled", "cost_is_final": False, "actual_cost_micro_usd": 1_000_000}
    settled = cancelled | {"cost_is_final": True, "actual_cost_micro_usd": 1_250_000}
    faulty_api.answers = [body(cancelled), body(cancelled), body(settled)]
    text = run("jobs", "cancel", "j-1").stdout
    assert "Job j-1 is cancelled." in text
    assert "Its machine is gone. Final cost $1.25." in text


def test_with_json_a_refusal_is_the_problem_document(as_user, faulty_api) -> None:
    faulty_api.answers = [problem(404, "job_not_found")]
    result = run("jobs", "show", "j-1", "--json")
    assert json.loads(result.stderr)["code"] == "job_not_found"


def test_watch_ends_with_the_jobs_end(as_user, faulty_api) -> None:
    failed = JOB | {
        "status": "failed",
        "status_reason": {"code": "x", "message": "Out of memory.", "suggested_fix": "Halve."},
    }
    stream = f"event: job\ndata: {json.dumps(failed)}\n\nevent: end\ndata: {{}}\n\n"
    faulty_api.answers = [Answer(body=stream.encode()), body(failed)]
    result = run("jobs", "watch", "j-1")
    assert result.exit_code == Exit.JOB_FAILED
    assert "Out of memory." in result.stdout
    assert "Halve." in result.stdout


def test_download_checks_what_arrived(as_user, faulty_api, tmp_path) -> None:
    found = {
        "url": faulty_api.url + "/zip",
        "file_name": "../adapter.zip",
        "sha256": hashlib.sha256(b"zip").hexdigest(),
    }
    faulty_api.answers = [body(found), Answer(body=b"zip")]
    result = run("download", "j-1", "--out", str(tmp_path / "new"))
    assert result.exit_code == Exit.OK
    assert (tmp_path / "new" / "adapter.zip").read_bytes() == b"zip"
    faulty_api.answers = [body(found), Answer(body=b"damaged")]
    result = run("download", "j-1", "--out", str(tmp_path / "other"))
    assert result.exit_code == Exit.FAILED
    assert "SHA-256" in result.stderr
    assert list((tmp_path / "other").iterdir()) == []


def test_a_misspelt_value_is_refused_before_anything_is_sent(as_user, faulty_api) -> None:
    result = run("train", str(EXAMPLES / "sample.json"), "--set", "epochs=2")
    assert result.exit_code == Exit.FAILED
    assert "num_epochs" in result.stderr
    assert faulty_api.seen == []


def test_presets_are_the_contracts_presets() -> None:
    assert {preset.value for preset in PresetName} == set(PRESETS)
    assert run("train", str(EXAMPLES / "sample.json"), "--preset", "turbo").exit_code == Exit.USAGE


def test_replay_wants_a_number_or_all(as_user) -> None:
    assert "Say which" in run("dlq", "replay").stderr
    assert "Say which" in run("dlq", "replay", "3", "--all").stderr


def test_doctor_names_the_missing_key_and_the_fix(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("BRIGHTRUN_API_KEY", raising=False)
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path))
    result = run("doctor")
    assert result.exit_code == Exit.FAILED
    assert "make up" in result.stdout
    states = {item["name"]: item["state"] for item in json.loads(run("doctor", "--json").stdout)}
    assert (states["Python"], states["API key"], states["Stack"]) == ("ok", "failed", "note")


def test_doctor_names_the_program_that_does_not_answer(monkeypatch, tmp_path) -> None:
    from stack.parts import free_port

    program = {
        "name": "cost_guard",
        "kind": "service",
        "host": "127.0.0.1",
        "port": free_port(),
        "log": "",
        "health": "",
    }
    (tmp_path / "stack.json").write_text(json.dumps({"programs": [program]}))
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path))
    found = {item["name"]: item for item in json.loads(run("doctor", "--json").stdout)}
    assert found["cost_guard"]["state"] == "failed"
    assert "make logs PROGRAM=cost_guard" in found["cost_guard"]["fix"]


def test_doctor_tells_what_is_wrong_with_a_service_that_is_ready(faulty_api, monkeypatch, tmp_path) -> None:
    """Only the database decides whether a service is ready; a broker that is away is still to be mended."""
    document = {"status": "ready", "checks": {"database": {"status": "ok"},
                                              "nats": {"status": "degraded", "detail": "NATS is not connected"}}}
    faulty_api.answers = [Answer(body=json.dumps(document).encode())]
    url = httpx.URL(faulty_api.url)
    program = {"name": "notifier", "host": url.host, "port": url.port, "health": f"{faulty_api.url}/health/ready"}
    (tmp_path / "stack.json").write_text(json.dumps({"programs": [program]}))
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path))
    found = {item["name"]: item for item in json.loads(run("doctor", "--json").stdout)}
    assert found["notifier"]["state"] == "failed"
    assert "nats: NATS is not connected" in found["notifier"]["detail"]
    assert found["notifier"]["fix"] == "make logs PROGRAM=notifier"


def test_doctor_says_which_part_is_wrong_and_what_that_means(as_user, faulty_api, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path))
    me = {"roles": ["admin"], "workspace_name": "w"}
    parts = [
        {"name": "database", "title": "Database", "status": "ok", "message": "", "suggested_fix": ""},
        {"name": "nats", "title": "Message broker", "status": "degraded", "message": "It is away.",
         "suggested_fix": "Wait."},
    ]
    faulty_api.answers = [Answer(body=json.dumps(me).encode()), Answer(body=json.dumps({"parts": parts}).encode())]
    result = run("doctor", "--json")
    assert result.exit_code == Exit.FAILED
    found = {item["name"]: item for item in json.loads(result.stdout)}
    assert found["Database"]["state"] == "ok"
    broker = found["Message broker"]
    assert (broker["state"], broker["detail"], broker["fix"]) == ("failed", "It is away.", "Wait.")


def test_doctor_of_an_older_server_says_nothing_about_parts(as_user, faulty_api, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path))
    me = json.dumps({"roles": ["admin"], "workspace_name": "w"}).encode()
    faulty_api.answers = [Answer(body=me), problem(404, "not_found")]
    names = [item["name"] for item in json.loads(run("doctor", "--json").stdout)]
    assert names[-1] == "API key"


def test_prefetch_without_the_trainers_packages_says_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brightrun.commands.models.find_spec", lambda _: None)
    result = run("models", "prefetch", "org/name@c0ffee", "--to", "/models")
    assert result.exit_code == Exit.FAILED
    assert "docker run" in result.stderr
    assert "trainer_image.prefetch org/name@c0ffee" in result.stderr


def test_prefetch_hands_on_how_it_ended(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = run("models", "prefetch", "./no-hub-id", "--to", str(tmp_path))
    assert result.exit_code == Exit.FAILED
    assert "is no hub id" in capfd.readouterr().err

"""Base models from a hub: at one commit, and every way in which a hub says no has the right name."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from contracts.error_taxonomy import ERROR_CLASSES
from contracts.hub_names import split_revision
from contracts.local_base_model import SHIPPED_BASE_MODEL
from tests.trainer_image.model_hub import COMMIT, REPOSITORY, ModelHub, Refusal, model_hub
from trainer_image.errors import HubUnavailable, ModelAccessError, ModelAccessRefused
from trainer_image.hub import find_base_model
from trainer_image.hub_errors import explain

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from contracts.error_taxonomy import ERROR_CLASSES
from trainer_image.errors import TrainerError
from trainer_image.hub import fetch_weights, find_base_model
try:
    base = find_base_model(sys.argv[1], patience_s=float(sys.argv[2]))
    fetch_weights(base, patience_s=float(sys.argv[2]))
    print(json.dumps({"name": base.name, "revision": base.revision,
                      "files": sorted(path.name for path in base.folder.iterdir())}))
except TrainerError as error:
    print(json.dumps({"error_type": error.error_type, "message": str(error),
                      "retryable": ERROR_CLASSES[error.error_type].retryable}))
"""


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with model_hub(SHIPPED_BASE_MODEL) as started:
        yield started


@pytest.fixture
def load(hub: ModelHub, tmp_path: Path) -> Any:
    """The client reads its settings once, when it is imported: each load is a process of its own."""
    def run(base_model: str = REPOSITORY, *, patience_s: float = 0.0, **variables: str) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT),
                        "HF_HUB_DISABLE_PROGRESS_BARS": "1", **variables}
        done = subprocess.run([sys.executable, "-c", PROGRAM, base_model, str(patience_s)], env=environment,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run


def test_a_branch_is_resolved_to_its_commit_once(load: Any, hub: ModelHub) -> None:
    found = load()
    assert (found["name"], found["revision"]) == (REPOSITORY, COMMIT)
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= set(found["files"])
    assert len([path for path in hub.asked if "/revision/" in path]) == 1


@pytest.mark.parametrize("revision", ["v1", COMMIT])
def test_a_revision_can_be_named(load: Any, revision: str) -> None:
    assert load(f"{REPOSITORY}@{revision}")["revision"] == COMMIT


def test_a_revision_that_does_not_exist(load: Any) -> None:
    failed = load(f"{REPOSITORY}@v9")
    assert (failed["error_type"], failed["retryable"]) == ("model_access", False)
    assert failed["message"] == f"The hub has no such revision: {REPOSITORY}@v9."


GATED = Refusal(403, {"X-Error-Code": "GatedRepo"})
MISSING = Refusal(404, {"X-Error-Code": "RepoNotFound"})


@pytest.mark.parametrize(("refusal", "says"), [
    (GATED, "is gated"), (MISSING, "shows no model"), (Refusal(401), "refused the token"),
    (Refusal(403), "(403)"),
])
def test_what_stays_is_the_persons_to_mend(load: Any, hub: ModelHub, refusal: Refusal, says: str) -> None:
    hub.refusals = [refusal]
    failed = load(patience_s=60)
    assert (failed["error_type"], failed["retryable"]) == ("model_access", False)
    assert says in failed["message"]


@pytest.mark.parametrize(("refusal", "says"), [
    (Refusal(503), "answered 503"), (Refusal(500), "answered 500"), (Refusal(429), "answered 429"),
    (Refusal(0), "connection to the hub was lost"),
])
def test_what_passes_is_tried_again_by_another_attempt(
    load: Any, hub: ModelHub, refusal: Refusal, says: str
) -> None:
    hub.refusals = [refusal]
    failed = load()
    assert (failed["error_type"], failed["retryable"]) == ("network", True)
    assert says in failed["message"]


def test_a_short_outage_is_waited_for(load: Any, hub: ModelHub) -> None:
    hub.refusals, hub.for_ever, hub.refused_path = [Refusal(503)], False, "/revision/"
    assert load(patience_s=60)["revision"] == COMMIT


def test_a_connection_lost_in_the_weights(load: Any, hub: ModelHub) -> None:
    hub.refusals, hub.refused_path = [Refusal(0)], "model.safetensors"
    failed = load()
    assert (failed["error_type"], failed["retryable"]) == ("network", True)


def test_what_is_in_the_cache_needs_no_hub(load: Any, hub: ModelHub) -> None:
    load()
    hub.asked.clear()
    assert load(f"{REPOSITORY}@{COMMIT}", HF_HUB_OFFLINE="1")["revision"] == COMMIT
    assert hub.asked == []
    hub.refusals = [Refusal(503)]
    assert load()["revision"] == COMMIT


def test_offline_without_the_model(load: Any) -> None:
    failed = load(HF_HUB_OFFLINE="1", patience_s=60)
    assert (failed["error_type"], failed["retryable"]) == ("model_access", False)
    assert "HF_HUB_OFFLINE" in failed["message"]


def http_error(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    response = httpx2.Response(status, request=httpx2.Request("GET", "https://hub/api/models/a/b"))
    return kind("an error propagated from an aggregated backend", response=response)


def raised_from(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(("error", "kind"), [
    (raised_from(OSError("You are trying to access a gated repo."), http_error(GatedRepoError, 403)),
     ModelAccessRefused),
    (raised_from(OSError("not a valid model"), http_error(RepositoryNotFoundError, 401)),
     ModelAccessRefused),
    (raised_from(OSError("specific connection error"), http_error(HfHubHTTPError, 502)), HubUnavailable),
    (raised_from(OSError("couldn't connect"), raised_from(
        LocalEntryNotFoundError("no"), httpx2.ConnectTimeout("slow"))), HubUnavailable),
    (httpx2.ReadError("reset"), HubUnavailable),
    (LocalEntryNotFoundError("no cause known"), HubUnavailable),
])
def test_the_cause_counts_not_the_text(error: Exception, kind: type) -> None:
    """As transformers raises it: an OSError from what the hub's client raised."""
    assert type(explain("acme/model", error)) is kind


def test_an_error_of_something_else_is_not_the_hubs() -> None:
    assert explain("acme/model", OSError("401 gated: an error was propagated")) is None


def test_only_hub_ids_have_revisions(tmp_path: Path) -> None:
    assert split_revision("meta-llama/Llama-3.3-70B@6f6073b") == ("meta-llama/Llama-3.3-70B", "6f6073b")
    assert split_revision("meta-llama/Llama-3.3-70B") == ("meta-llama/Llama-3.3-70B", None)
    assert split_revision("/models/me@home") == ("/models/me@home", None)
    folder = tmp_path / "a@b"
    folder.mkdir()
    with pytest.raises(ModelAccessError, match="holds no config"):
        find_base_model(str(folder))


def test_passing_failures_are_retryable_by_their_class() -> None:
    assert ERROR_CLASSES[HubUnavailable.error_type].retryable
    assert not ERROR_CLASSES[ModelAccessError.error_type].retryable

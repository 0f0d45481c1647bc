"""Checkpoints on the real broker and storage: what is kept, what is refused, and what comes back."""

import asyncio
import errno
import json
from collections import namedtuple
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import torch

from contracts.events import CheckpointManifest
from contracts.pod_environment import PodSpec
from contracts.presets import PRESETS
from stack.parts import NatsPart, S3Part
from tests.trainer_image.provisioner import Provisioner
from tests.trainer_image.test_reporter import end
from trainer_image.checkpoints import Checkpoints
from trainer_image.errors import StorageFailed
from trainer_image.journal import Journal
from trainer_image.metric_series import MetricSeries
from trainer_image.objects import Objects, is_final
from trainer_image.reporter import Reporter
from trainer_image.resume import newest_usable_checkpoint
from trainer_image.snapshot import ADAPTER_FILE, OPTIMIZER_FILE, Snapshot

PART_BYTES, FLOATS, TOTAL = 16_384, 10_000, 1_000
NAN = float("nan")


class Place:
    """One attempt's checkpoints, without a training."""

    def __init__(self, provisioner: Provisioner, url: str, folder: Path, **spec: Any) -> None:
        self.provisioner, self.folder = provisioner, folder
        self.spec: PodSpec = provisioner.spec(url, **{
            "base_model": "none", "hyperparameters": PRESETS["balanced"].hyperparameters, "training_file_sha256": "",
            "checkpoint_part_bytes": PART_BYTES, "checkpoint_every_steps": 1, "checkpoint_every_s": 0.0, **spec})
        self.reporter = Reporter(self.spec, "", folder, on_stop=print)
        self.reporter.start()
        self.objects = Objects(self.reporter, patience_s=20.0)
        self.checkpoints = Checkpoints(self.reporter, self.objects, folder / "checkpoints")

    def snapshot(self, step: int, *, kind: type[Snapshot] = Snapshot, weight: float = 0.5, moment: float = 0.1
                 ) -> Snapshot:
        folder = self.checkpoints.folder_for(step)
        folder.mkdir(parents=True)
        for name, content in {"recipe.json": {"base_model_revision": None}, "trainer_state.json": {"global_step": step},
                              "metrics.json": []}.items():
            (folder / name).write_text(json.dumps(content))
        adapter = {"layer.lora_A.weight": torch.randn(FLOATS) + weight}
        return kind(step, folder, adapter, {"state": {0: {"exp_avg": torch.full((FLOATS,), moment)}},
                                            "param_groups": []})

    async def save(self, snapshot: Snapshot) -> None:
        self.checkpoints.save(snapshot)
        assert await asyncio.to_thread(self.checkpoints.finish, 30.0)
        assert await asyncio.to_thread(self.reporter.drain, 10.0)

    def published(self, kind: str) -> list[dict[str, Any]]:
        entries = [json.loads(entry.payload) for entry in Journal(self.folder / "events.journal").read(0, 1000)]
        return [entry["data"] for entry in entries if entry["type"] == f"brightrun.{kind}.v1"]

    def keys(self, step: int) -> set[str]:
        manifest = CheckpointManifest.model_validate_json(
            self.provisioner.get("checkpoints", f"a1/step-{step}/manifest.json"))
        return {file.path for file in manifest.files}

    async def resume(self) -> Any:
        return await asyncio.to_thread(newest_usable_checkpoint, self.reporter, self.objects,
                                       self.folder / "checkpoints", {"base_model_revision": None})


@pytest_asyncio.fixture
async def new_place(topology: NatsPart, s3: S3Part, tmp_path: Path) -> AsyncIterator[Any]:
    made: list[Place] = []

    async def build(**spec: Any) -> Place:
        provisioner = Provisioner(s3)
        await provisioner.start(topology.url)
        made.append(Place(provisioner, topology.url, tmp_path / str(len(made)), **spec))
        return made[-1]

    yield build
    for place in made:
        await end(place.reporter)
        await place.provisioner.stop()


@pytest_asyncio.fixture
async def place(new_place: Any) -> Place:
    built: Place = await new_place()
    return built


async def test_a_checkpoint_counts_only_once_the_steps_before_it_are_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on from there does not compute them again: a machine that vanishes would take them along."""
    monkeypatch.setattr("trainer_image.reporter.TICK_S", 3600.0)
    metrics = MetricSeries(place.reporter)
    place.reporter.every_second(metrics.flush)
    metrics.add(7, loss=0.5)
    await place.save(place.snapshot(7))
    told = [entry.subject.rpartition(".")[0] for entry in Journal(place.folder / "events.journal").read(0, 10)]
    assert told == ["metrics.reported", "checkpoint.saved"]


async def test_large_files_go_in_parts_and_come_back_whole(place: Place) -> None:
    snapshot = place.snapshot(7)
    written: dict[str, bytes] = {}
    snapshot.write()
    written = {path.name: path.read_bytes() for path in snapshot.folder.iterdir()}
    await place.save(snapshot)
    assert {f"{ADAPTER_FILE}/part-0001", f"{ADAPTER_FILE}/part-0003", f"{OPTIMIZER_FILE}/part-0003",
            "recipe.json"} <= place.keys(7)
    saved = place.published("checkpoint.saved")[0]
    assert max(file["size_bytes"] for file in saved["files"]) == PART_BYTES
    assert saved["size_bytes"] == sum(map(len, written.values()))
    found = await place.resume()
    assert (found.step, found.attempt) == (7, 1)
    assert {path.name: path.read_bytes() for path in found.folder.iterdir()} == written


async def test_a_damaged_part_spoils_its_checkpoint_only(place: Place) -> None:
    for step in (1, 2):
        await place.save(place.snapshot(step))
    key = f"a1/step-2/{OPTIMIZER_FILE}/part-0002"
    place.provisioner.put("checkpoints", key, place.provisioner.get("checkpoints", key)[::-1])
    assert (await place.resume()).step == 1
    assert [warning["code"] for warning in place.published("training.warning")] == ["checkpoint_skipped"]


async def test_parts_that_are_swapped_do_not_pass(place: Place) -> None:
    """Each part is sound, the whole is not."""
    await place.save(place.snapshot(1))
    content = json.loads(place.provisioner.get("checkpoints", "a1/step-1/manifest.json"))
    joined = next(file for file in content["joined"] if file["path"] == ADAPTER_FILE)
    joined["parts"][0], joined["parts"][1] = joined["parts"][1], joined["parts"][0]
    sha256 = place.provisioner.put("checkpoints", "a1/step-1/manifest.json", json.dumps(content).encode())
    place.provisioner.offers[0] = place.provisioner.offers[0].model_copy(update={"manifest_sha256": sha256})
    assert await place.resume() is None


async def test_a_manifest_from_before_there_were_parts_is_read(new_place: Any) -> None:
    place = await new_place(checkpoint_part_bytes=1024**3)
    await place.save(place.snapshot(1))
    content = json.loads(place.provisioner.get("checkpoints", "a1/step-1/manifest.json"))
    assert content.pop("joined") == []
    sha256 = place.provisioner.put("checkpoints", "a1/step-1/manifest.json", json.dumps(content).encode())
    place.provisioner.offers[0] = place.provisioner.offers[0].model_copy(update={"manifest_sha256": sha256})
    assert (await place.resume()).step == 1


@pytest.mark.parametrize("spoilt", [{"weight": NAN}, {"weight": float("inf")}, {"moment": NAN}])
async def test_what_is_no_number_displaces_no_good_checkpoint(place: Place, spoilt: dict[str, float]) -> None:
    for step in (1, 2, 3):
        await place.save(place.snapshot(step))
    for step in (4, 5, 6):
        await place.save(place.snapshot(step, **spoilt))
    assert [saved["step"] for saved in place.published("checkpoint.saved")] == [1, 2, 3]
    assert place.provisioner.deleted == []
    assert {warning["code"] for warning in place.published("training.warning")} == {"checkpoint_not_finite"}
    assert (await place.resume()).step == 3


class OnAFullDisk(Snapshot):
    def write(self) -> None:
        (self.folder / ADAPTER_FILE).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_run_whose_first_checkpoint_finds_no_space_ends(place: Place) -> None:
    await place.save(place.snapshot(1, kind=OnAFullDisk))
    with pytest.raises(StorageFailed, match=r"first checkpoint \(step 1\) could not be stored.*No space left"):
        place.checkpoints.due(2, TOTAL)


async def test_a_later_full_disk_is_told_and_tried_again_later(new_place: Any) -> None:
    place = await new_place(checkpoint_every_s=60.0)
    await place.save(place.snapshot(1))
    await place.save(place.snapshot(2, kind=OnAFullDisk))
    assert not any(place.checkpoints.due(step, TOTAL) for step in range(3, 200))
    assert place.checkpoints.due(TOTAL, TOTAL)
    warning = place.published("training.warning")[0]
    assert (warning["code"], warning["step"]) == ("checkpoint_not_saved", 2)
    assert "the next try is 60 s away" in warning["message"]
    assert not (place.folder / "checkpoints" / "step-2").exists(), "half a checkpoint takes no space"


async def test_older_folders_go_before_a_checkpoint_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old = place.folder / "checkpoints" / "resume-a1-step-5"
    old.mkdir(parents=True)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1, 1, 0 if old.exists() else 10**12))
    await place.save(place.snapshot(6))
    assert not old.exists()
    assert [saved["step"] for saved in place.published("checkpoint.saved")] == [6]


class WrongKeys(Provisioner):
    def store(self, area: str) -> Any:
        store = super().store(area)
        return type(store)(store.config["bucket"], endpoint=self.s3.endpoint, access_key_id=self.s3.access_key,
                           secret_access_key="x" * 20, region=self.s3.region,
                           client_options={"allow_http": True}, virtual_hosted_style_request=False)


async def test_a_final_no_of_the_storage_is_not_asked_again(topology: NatsPart, s3: S3Part, tmp_path: Path) -> None:
    provisioner = WrongKeys(s3)
    await provisioner.start(topology.url)
    place = Place(provisioner, topology.url, tmp_path)
    await place.save(place.snapshot(1))
    with pytest.raises(StorageFailed, match=r"answered 403 \(SignatureDoesNotMatch\)"):
        place.checkpoints.due(2, TOTAL)
    assert provisioner.asked["sign_urls"] == 1
    await end(place.reporter)
    await provisioner.stop()


@pytest.mark.parametrize(("status", "code", "final"), [
    (403, "AccessDenied", True), (400, "EntityTooLarge", True), (404, "NoSuchBucket", True), (301, "", True),
    (500, "InternalError", False), (503, "SlowDown", False), (429, "", False), (408, "", False), (425, "", False),
    (400, "RequestTimeout", False), (409, "OperationAborted", False),
])
def test_which_answers_are_final(status: int, code: str, final: bool) -> None:
    assert is_final(httpx.Response(status, text=f"<Error><Code>{code}</Code></Error>")) is final

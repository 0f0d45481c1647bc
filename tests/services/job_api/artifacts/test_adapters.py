"""Adapters: listed, packed, checked, handed out by signed URL, recorded."""

import asyncio
import io
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
import torch
from safetensors.torch import load

from contracts.events import ArtifactFile, ValidationUpdated
from services.job_api.artifacts.application import delivery as delivery_module
from services.job_api.artifacts.schemas import ArtifactList, DownloadList, DownloadView
from services.job_api.edge.auth import Role


def same(found, expected) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == tensor.dtype and torch.equal(found[name], tensor) for name, tensor in expected.items())


def opened(content: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


async def test_the_zip_holds_what_was_trained(deliveries):
    job = await deliveries.completed(name="Élan: first run!")
    answer = await deliveries.ask(job)
    DownloadView.model_validate(answer)
    assert (answer["kind"], answer["format"]) == ("adapters", "safetensors")
    assert answer["file_name"] == "lan-first-run-adapter-safetensors.zip"
    assert httpx.URL(answer["url"]).path.endswith(f"/{answer['file_name']}")
    left = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert httpx.URL(answer["url"]).params["X-Amz-Expires"] == "86400"
    archive = opened(await deliveries.fetch(answer))
    files = deliveries.files
    others = files.keys() - {"adapter_model.safetensors", "adapter_model.bin"}
    assert archive.namelist() == ["adapter_model.safetensors", *sorted(others)]
    assert all(archive.read(name) == files[name] for name in archive.namelist())
    assert same(load(archive.read("adapter_model.safetensors")), deliveries.tensors)


async def test_the_bin_has_the_same_tensors(deliveries):
    job = await deliveries.completed()
    answer = await deliveries.ask(job, "bin")
    archive = opened(await deliveries.fetch(answer))
    assert archive.namelist()[0] == "adapter_model.bin"
    assert "adapter_model.safetensors" not in archive.namelist()
    assert same(torch.load(io.BytesIO(archive.read("adapter_model.bin")), weights_only=True), deliveries.tensors)


@pytest.mark.slow
async def test_a_delivery_without_bin_says_how_to_make_one(api, deliveries, tmp_path):
    files = {name: content for name, content in deliveries.files.items() if name != "adapter_model.bin"}
    job = await deliveries.completed(files)
    response = await api.client.get(f"/jobs/{job['id']}/download/adapters?format=bin")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "bin_not_delivered")
    command = problem["suggested_fix"].splitlines()[-1]
    (tmp_path / "adapter_model.safetensors").write_bytes(files["adapter_model.safetensors"])
    argument = command.removeprefix('python -c "').removesuffix('"')
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", argument], cwd=tmp_path, check=True)
    assert same(torch.load(tmp_path / "adapter_model.bin", weights_only=True), deliveries.tensors)


async def test_a_missing_readme_and_summary_are_written(deliveries):
    files = {name: deliveries.files[name] for name in ("adapter_model.safetensors", "adapter_config.json")}
    job = await deliveries.completed(files, name="By webhook")
    archive = opened(await deliveries.fetch(await deliveries.ask(job)))
    assert sorted(archive.namelist()) == sorted([*files, "README.md", "training_summary.json"])
    assert b"PeftModel.from_pretrained" in archive.read("README.md")
    assert b'"name": "By webhook"' in archive.read("training_summary.json")


async def test_a_zip_is_built_once_and_again_when_it_is_gone(deliveries):
    job = await deliveries.completed()
    first, other = await asyncio.gather(deliveries.ask(job), deliveries.ask(job))
    assert (first["sha256"], first["size_bytes"]) == (other["sha256"], other["size_bytes"])
    [stored] = await zips(deliveries, job)
    await deliveries.objects.put_bytes("model-artifacts", deliveries.key(job, "README.md"), b"changed")
    assert (await deliveries.ask(job))["sha256"] == first["sha256"]  # not read again
    intact = deliveries.files["README.md"]
    await deliveries.objects.put_bytes("model-artifacts", deliveries.key(job, "README.md"), intact)
    await deliveries.objects.delete("model-artifacts", stored.key)
    again = await deliveries.ask(job)
    assert again["sha256"] == first["sha256"]
    assert await deliveries.fetch(again)


@pytest.mark.parametrize(("path", "form"), [
    ("adapter_model.safetensors", "safetensors"), ("adapter_model.bin", "bin"),
    ("tokenizer.json", "safetensors"), ("tokenizer.json", "bin"),
])
async def test_nothing_damaged_is_delivered(api, deliveries, path, form):
    job = await deliveries.completed()
    content = deliveries.files[path]
    for damaged in (content[:-1] + b"?", content[:-1], None):
        if damaged is None:
            await deliveries.objects.delete("model-artifacts", deliveries.key(job, path))
        else:
            await deliveries.objects.put_bytes("model-artifacts", deliveries.key(job, path), damaged)
        response = await api.client.get(f"/jobs/{job['id']}/download/adapters?format={form}")
        problem = response.json()
        assert (response.status_code, problem["code"], problem["path"]) == (500, "artifact_damaged", path)
        assert response.headers["x-should-retry"] == "false"
        assert problem["detail"].endswith("Nothing was delivered.")
    assert await zips(deliveries, job) == []
    assert (await api.client.get(f"/jobs/{job['id']}/downloads")).json()["data"] == []


async def test_damage_at_the_end_of_a_large_adapter_is_found_too(api, deliveries):
    large = os.urandom(20_000_000)
    job = await deliveries.completed(deliveries.files | {"adapter_model.safetensors": large})
    damaged = large[:-1] + bytes([large[-1] ^ 1])
    await deliveries.objects.put_bytes("model-artifacts", deliveries.key(job, "adapter_model.safetensors"), damaged)
    response = await api.client.get(f"/jobs/{job['id']}/download/adapters")
    assert (response.status_code, response.json()["code"]) == (500, "artifact_damaged")
    assert await zips(deliveries, job) == []
    await deliveries.objects.put_bytes("model-artifacts", deliveries.key(job, "adapter_model.safetensors"), large)
    archive = opened(await deliveries.fetch(await deliveries.ask(job)))
    assert archive.read("adapter_model.safetensors") == large


@pytest.mark.parametrize(("path", "key"), [
    ("../outside", "{own}/a1/x"), ("/etc/passwd", "{own}/a1/x"), ("notes.txt", "another/workspace/secret"),
    ("notes.txt", "{own}/../secret"),
])
async def test_a_trainer_cannot_have_other_peoples_files_delivered(api, deliveries, path, key):
    job = await api.running_job()
    own = f"{api.workspace_id}/{job['id']}"
    bad = ArtifactFile(path=path, key=key.format(own=own), size_bytes=1, sha256="0")
    good = [ArtifactFile(path=name, key=f"{own}/a1/{name}", size_bytes=1, sha256="0")
            for name in ("adapter_model.safetensors", "adapter_config.json")]
    await deliveries.complete(job, {}, artifacts=(*good, bad))
    await api.until(job["id"], lambda job: job["status"] == "completed")
    response = await api.client.get(f"/jobs/{job['id']}/download/adapters")
    assert (response.status_code, response.json()["code"]) == (500, "artifact_damaged")


async def test_the_artifacts_are_listed_with_the_verdict(api, deliveries):
    job = await deliveries.completed()
    await api.tell(ValidationUpdated(
        job_id=job["id"], workspace_id=api.workspace_id, attempt=1, perplexity_baseline=20.0, perplexity_trained=15.0,
        perplexity_improvement_pct=25.0, improvement_low_pct=18.0, improvement_high_pct=31.0, conversations=3,
        tokens=400, verdict="proven", updated_at=datetime.now(UTC)))
    await api.until(job["id"], lambda job: job["validation"])
    await deliveries.ask(job)
    answer = (await api.client.get(f"/jobs/{job['id']}/artifacts")).json()
    ArtifactList.model_validate(answer)
    [model] = answer["data"]
    assert (model["perplexity_baseline"], model["perplexity_trained"], model["verdict"]) == (20.0, 15.0, "proven")
    assert (model["download_count"], model["last_downloaded_by"]) == (1, api.credentials["user_id"])
    assert {file["path"]: file["size_bytes"] for file in model["files"]} == {
        name: len(content) for name, content in deliveries.files.items()}
    assert all(len(file["sha256"]) == 64 for file in model["files"])
    assert model["metrics_summary"]["final_loss"] == 1.25


async def test_every_download_is_recorded(api, deliveries):
    job = await deliveries.completed()
    await deliveries.ask(job)
    analyst = await api.member(Role.ANALYST)
    analyst.headers["user-agent"] = "browser/1"
    await analyst.get(f"/jobs/{job['id']}/download/adapters?format=bin")
    page = (await api.client.get(f"/jobs/{job['id']}/downloads?limit=1")).json()
    DownloadList.model_validate(page)
    [latest] = page["data"]
    assert (latest["kind"], latest["format"], latest["client"]) == ("adapters", "bin", "browser/1")
    assert (latest["address"], latest["credential"]) == ("127.0.0.1", "api_key")
    assert latest["downloaded_by_email"].endswith("@example.com")
    rest = (await api.client.get(f"/jobs/{job['id']}/downloads?after={page['next_cursor']}")).json()
    assert [(item["format"], item["downloaded_by_email"]) for item in rest["data"]] == [
        ("safetensors", "admin@localhost")]


async def test_before_a_job_has_completed_it_is_said_what_to_do(api):
    job = await api.new_job()
    response = await api.client.get(f"/jobs/{job['id']}/download/adapters")
    assert (response.status_code, response.json()["code"]) == (409, "job_not_completed")
    assert f"/jobs/{job['id']}/start" in response.json()["suggested_fix"]
    assert (await api.client.get(f"/jobs/{job['id']}/artifacts")).json()["data"] == []
    job = await api.running_job()
    response = await api.client.get(f"/jobs/{job['id']}/download/adapters")
    assert "Wait until" in response.json()["suggested_fix"]
    await api.client.post(f"/jobs/{job['id']}/cancel")
    response = await api.client.get(f"/jobs/{job['id']}/download/adapters")
    assert "/retry" in response.json()["suggested_fix"]


async def test_strangers_and_owners_get_nothing(api, deliveries):
    job = await deliveries.completed()
    stranger = await api.member(Role.ADMIN, workspace_id=uuid4())
    for path in ("artifacts", "download/adapters", "download/metrics", "downloads"):
        response = await stranger.get(f"/jobs/{job['id']}/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "job_not_found")
    owner = await api.member(Role.OWNER)
    assert (await owner.get(f"/jobs/{job['id']}/artifacts")).status_code == 200
    assert (await owner.get(f"/jobs/{job['id']}/download/adapters")).status_code == 403
    for role in (Role.ENGINEER, Role.ANALYST):
        member = await api.member(role)
        assert (await member.get(f"/jobs/{job['id']}/download/adapters")).status_code == 200


async def test_an_unknown_format_is_named(api, deliveries):
    job = await deliveries.completed()
    response = await api.client.get(f"/jobs/{job['id']}/download/adapters?format=gguf")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "format")


async def test_deliveries_that_nobody_can_hold_a_url_of_are_removed(api, deliveries, monkeypatch):
    job = await deliveries.completed()
    await deliveries.ask(job)
    monkeypatch.setattr(delivery_module, "_OUTDATED", timedelta(0))
    await deliveries.ask(job, "bin")
    assert [item.key.rpartition("-")[2] for item in await zips(deliveries, job)] == ["bin.zip"]


async def zips(deliveries, job):
    found = await deliveries.objects.list("model-artifacts", f"{deliveries.api.workspace_id}/{job['id']}/deliveries")
    return [item for item in found if item.key.endswith(".zip")]

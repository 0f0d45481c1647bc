"""Listing, previewing and deleting files."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text, update
from tokenizers import Tokenizer

from chassis.objects.store import ObjectStore
from contracts.chat import encode
from contracts.training_file import read_training_file
from services.job_api.edge.auth import Role
from services.job_api.files import service
from services.job_api.files.preview import preview
from services.job_api.files.schemas import FileList, PreviewView
from services.job_api.files.tokenizer import BaseTokenizer, find_tokenizer
from services.job_api.tables import training_files

EXAMPLES = Path(__file__).parents[4] / "examples"


async def test_the_preview_is_what_the_trainer_computes(alone, uploads, base_model):
    file = await uploads.example()
    shown = (await alone.client.get(f"/files/{file['id']}/preview")).json()
    PreviewView.model_validate(shown)
    assert (shown["max_seq_length"], shown["tokens_exact"], shown["total_conversations"]) == (4096, True, 14)
    assert shown["tokenizer"] == base_model.name
    tokenizer = Tokenizer.from_file(str(base_model / "tokenizer.json"))
    with (EXAMPLES / "sample.json").open("rb") as stream:
        expected = read_training_file(stream, file_name="sample.json").conversations[:3]
    assert [item["key"] for item in shown["conversations"]] == [item.key for item in expected]
    assert [item["number"] for item in shown["conversations"]] == [1, 2, 3]
    for item, conversation in zip(shown["conversations"], expected, strict=True):
        encoded = encode(conversation, tokenizer, 4096)
        assert (item["token_ids"], item["learn_mask"]) == (encoded.input_ids, encoded.learn_mask)
        learnt = [token for token, learn in zip(item["token_ids"], item["learn_mask"], strict=True) if learn]
        text = "".join(segment["text"] for segment in item["segments"] if segment["learn"])
        assert tokenizer.decode(learnt, skip_special_tokens=False) == text
        assert text == "".join(f"{turn.content.strip()}<|eot_id|>" for turn in conversation.answers)
        assert sum(segment["tokens"] for segment in item["segments"]) == item["tokens"] == len(encoded.input_ids)
        assert item["marked_text"].count("⟦") == len(conversation.answers)
        assert item["text"] == item["marked_text"].replace("⟦", "").replace("⟧", "")


async def test_what_is_beyond_the_maximum_length_is_shown_as_cut_off(alone, uploads):
    file = await uploads.example()
    shown = (await alone.client.get(f"/files/{file['id']}/preview?max_seq_length=300&limit=1")).json()
    [item] = shown["conversations"]
    assert (item["tokens"], item["truncated"], sum(item["learn_mask"])) == (300, True, item["learnt_tokens"])
    assert item["tokens_before_cut"] > 300
    kept = [segment for segment in item["segments"] if not segment["cut_off"]]
    assert sum(segment["tokens"] for segment in kept) == 300
    assert sum(segment["tokens"] for segment in kept if segment["learn"]) == item["learnt_tokens"]
    assert "".join(segment["text"] for segment in item["segments"]) == item["text"]
    assert not any(segment["learn"] for segment in item["segments"] if segment["cut_off"])


@pytest.mark.parametrize("max_length", range(1, 60))
def test_wherever_a_conversation_is_cut_the_pieces_add_up(base_model, max_length):
    lines = b'{"messages":[{"role":"user","content":"Hi \xf0\x9f\x99\x82"},{"role":"assistant","content":"Yes."},' \
            b'{"role":"user","content":"And?"},{"role":"assistant","content":"No.","weight":0},' \
            b'{"role":"user","content":"So?"},{"role":"assistant","content":"Maybe \xf0\x9f\x99\x82."}]}'
    [conversation] = read_training_file([lines], file_name="x").conversations
    base = find_tokenizer(str(base_model))
    assert base is not None
    shown = preview(conversation, base, max_length)
    assert "".join(piece["text"] for piece in shown["segments"]) == shown["text"]
    assert sum(p["tokens"] for p in shown["segments"]) == shown["tokens_before_cut"]
    learnt = sum(p["tokens"] for p in shown["segments"] if p["learn"])
    assert learnt == shown["learnt_tokens"] == sum(encode(conversation, base.tokenizer, max_length).learn_mask)


def test_without_a_tokenizer_the_preview_still_marks_what_is_learnt():
    with (EXAMPLES / "sample-chat.jsonl").open("rb") as stream:
        conversation = read_training_file(stream, file_name="x").conversations[0]
    shown = preview(conversation, None, 4096)
    assert [turn.content.strip() + "<|eot_id|>" for turn in conversation.answers] == [
        piece["text"] for piece in shown["segments"] if piece["learn"]]
    assert (shown["token_ids"], shown["truncated"]) == (None, False)


def test_no_other_model_s_tokenizer_is_taken(tmp_path, base_model):
    assert find_tokenizer(str(tmp_path)) is None
    assert find_tokenizer("meta-llama/no-such-model-on-this-machine") is None
    assert find_tokenizer("not a model: at all/x") is None
    assert isinstance(find_tokenizer(str(base_model)), BaseTokenizer)


def test_a_cached_hub_model_is_found_at_its_revision(tmp_path, base_model, monkeypatch):
    snapshot = tmp_path / "models--acme--tiny" / "snapshots" / ("c0ffee" * 6 + "c0de")
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").write_bytes((base_model / "tokenizer.json").read_bytes())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert find_tokenizer(f"acme/tiny@{snapshot.name}") is not None
    assert find_tokenizer(f"acme/tiny@{'0' * 40}") is None


async def test_files_are_listed_newest_first_by_pages(alone, uploads):
    made = [(await uploads.example("sample-chat.jsonl", name=f"File {n}"))["id"] for n in range(3)]
    broken = await uploads.example("broken/chat-tool-role.jsonl")
    page = (await alone.client.get("/files?limit=2")).json()
    FileList.model_validate(page)
    rest = (await alone.client.get(f"/files?limit=2&after={page['next_cursor']}")).json()
    assert [file["id"] for file in page["data"] + rest["data"]] == [broken["id"], *reversed(made)]
    assert (page["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
    assert page["data"][1]["report"]["one_line"] == page["data"][1]["summary"]
    assert page["data"][0]["report"].get("issues") is None
    found = (await alone.client.get("/files?status=invalid")).json()["data"]
    assert [file["id"] for file in found] == [broken["id"]]
    assert [f["name"] for f in (await alone.client.get("/files?q=file 1")).json()["data"]] == ["File 1"]
    assert (await alone.client.get("/files?after=nonsense")).json()["code"] == "invalid_cursor"


async def test_a_file_that_no_job_uses_can_be_deleted(alone, uploads):
    file = await uploads.example()
    assert (await alone.client.delete(f"/files/{file['id']}")).json() == {
        "object": "training_file", "id": file["id"], "deleted": True}
    assert (await alone.client.get(f"/files/{file['id']}")).json()["code"] == "training_file_not_found"
    assert (await alone.client.delete(f"/files/{file['id']}")).status_code == 404
    assert await alone.app.state.dependencies.objects.list("training-files", f"{alone.workspace_id}/{file['id']}") == []


async def test_a_file_in_use_names_its_jobs(alone, uploads):
    file = await uploads.example()
    job = await alone.new_job(training_file_id=file["id"], name="June run")
    assert (await alone.client.get(f"/files/{file['id']}")).json()["job_count"] == 1
    response = await alone.client.delete(f"/files/{file['id']}")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "training_file_in_use")
    assert problem["jobs"] == [{"id": job["id"], "name": "June run", "status": "pending"}]
    assert "'June run' (pending)" in problem["detail"]
    await alone.client.delete(f"/jobs/{job['id']}")
    assert (await alone.client.delete(f"/files/{file['id']}")).status_code == 200


@pytest.mark.slow
async def test_a_file_is_deleted_or_used_but_never_both(alone, uploads):
    for _ in range(5):
        file = await uploads.example("sample-chat.jsonl")
        made, deleted = await asyncio.gather(
            alone.client.post("/jobs", json={"training_file_id": file["id"]}),
            alone.client.delete(f"/files/{file['id']}"))
        assert (made.status_code, deleted.status_code) in {(201, 409), (422, 200)}


async def test_strangers_see_nothing(alone, uploads):
    file = await uploads.example()
    stranger = await alone.member(Role.ADMIN, workspace_id=uuid4())
    path = f"/files/{file['id']}"
    for response in (await stranger.get(path), await stranger.get(f"{path}/preview"), await stranger.delete(path),
                     await stranger.post(f"{path}/accept-warnings")):
        assert (response.status_code, response.json()["code"]) == (404, "training_file_not_found")
    assert (await stranger.get("/files")).json()["data"] == []
    assert (await uploads.send(EXAMPLES / "sample.json", stranger)).json()["duplicate_of"] is None


async def test_warnings_can_be_accepted(alone, uploads):
    file = await uploads.example()
    assert (file["warning_count"], file["warnings_accepted_by"]) == (3, None)
    assert file["warnings_accepted_by_name"] is None
    path = f"/files/{file['id']}"
    accepted = (await alone.client.post(f"{path}/accept-warnings")).json()
    assert accepted["warnings_accepted_by"] == alone.credentials["user_id"]
    assert accepted["warnings_accepted_at"]
    assert accepted["warnings_accepted_by_name"] == "Administrator"
    engineer = await alone.member(Role.ENGINEER)
    await engineer.post(f"{path}/accept-warnings")
    listed = (await alone.client.get("/files")).json()["data"][0]
    assert listed["warnings_accepted_by_name"].endswith("@example.com"), "who gave no name is called by the address"
    assert (await alone.client.delete(f"/members/{listed['warnings_accepted_by']}")).is_success
    gone = (await alone.client.get(path)).json()
    assert (gone["warnings_accepted_by"], gone["warnings_accepted_by_name"]) == (listed["warnings_accepted_by"], None)


async def test_what_a_crash_left_half_done_is_cleaned_up(alone, uploads):
    kept, stored, deleted = [await uploads.example("sample-chat.jsonl") for _ in range(3)]
    for file, status in ((stored, "storing"), (deleted, "deleting")):
        async with alone.database.transaction() as tx:
            await tx.execute(update(training_files).where(training_files.c.id == file["id"]).values(status=status))
        assert (await alone.client.get(f"/files/{file['id']}")).status_code == 404
        assert (await alone.client.post("/jobs", json={"training_file_id": file["id"]})).status_code == 422
    assert [file["id"] for file in (await alone.client.get("/files")).json()["data"]] == [kept["id"]]
    objects: ObjectStore = alone.app.state.dependencies.objects
    assert await service.sweep(alone.database, objects) == 0
    replicas = (service.sweep(alone.database, objects, timedelta(0)) for _ in range(2))
    assert max(await asyncio.gather(*replicas)) == 2
    left = await objects.list("training-files", str(alone.workspace_id))
    assert {item.key.split("/")[1] for item in left} == {kept["id"]}


async def test_uploads_that_no_job_uses_go_after_their_time_and_others_never(alone, uploads):
    used, unused, young = [await uploads.example("sample-chat.jsonl") for _ in range(3)]
    assert (await alone.client.post("/jobs", json={"training_file_id": used["id"]})).status_code == 201
    async with alone.database.transaction() as tx:
        old = training_files.c.id.in_([used["id"], unused["id"]])
        await tx.execute(update(training_files).where(old).values(created_at=text("now() - interval '91 days'")))
    assert await service.expire(alone.database, timedelta(days=90)) == 1
    assert (await alone.client.get(f"/files/{unused['id']}")).status_code == 404
    objects: ObjectStore = alone.app.state.dependencies.objects
    assert await service.sweep(alone.database, objects, timedelta(0)) == 1
    left = await objects.list("training-files", str(alone.workspace_id))
    assert {item.key.split("/")[1] for item in left} == {used["id"], young["id"]}

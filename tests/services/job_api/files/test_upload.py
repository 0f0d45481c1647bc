"""What an upload becomes: the five formats, the broken ones, the refused ones."""

import asyncio
import hashlib
import json
from pathlib import Path
from uuid import uuid4

import pytest
from tokenizers import Tokenizer

from contracts.chat import encode, rendered_text
from contracts.training_file import CODES, Severity, read_canonical, read_training_file
from services.job_api.edge.auth import Role
from services.job_api.files.repository import references as files
from services.job_api.files.schemas import FileView, ValidationView

EXAMPLES = Path(__file__).parents[4] / "examples"
EXPECTED = json.loads((EXAMPLES / "broken" / "expected.json").read_text())
REFUSED = {name: code for name, code in EXPECTED.items() if code not in CODES}
FAULTY = {name: code for name, code in EXPECTED.items() if code in CODES}
EQ12 = Path(__file__).parents[5] / "shared" / "data" / "eq-12"


@pytest.mark.parametrize(("name", "form", "records", "trainable"), [
    ("sample.json", "brightrun-json", 93, 45),
    ("sample-flat.json", "brightrun-json", 13, 6),
    ("sample.jsonl", "brightrun-jsonl", 45, 45),
    ("sample-chat.jsonl", "chat-jsonl", 4, 4),
    ("sample-prompt-completion.jsonl", "prompt-completion-jsonl", 4, 4),
    ("sample-sharegpt.json", "sharegpt", 4, 4),
])
async def test_every_format_is_taken(alone, uploads, base_model, name, form, records, trainable):
    file = await uploads.example(name)
    FileView.model_validate(file)
    assert (file["status"], file["can_train"], file["format"], file["records"]) == ("ready", True, form, records)
    assert (file["name"], file["original_filename"], file["error_count"]) == (name, name, 0)
    assert file["report"]["trainable"] == trainable
    assert file["summary"].startswith(f"{records} records: {trainable} trainable")
    objects = alone.app.state.dependencies.objects
    prefix = f"{alone.workspace_id}/{file['id']}"
    original = await objects.get_bytes("training-files", f"{prefix}/original")
    assert original == (EXAMPLES / name).read_bytes()
    assert file["sha256"] == hashlib.sha256(original).hexdigest()
    tokenizer = Tokenizer.from_file(str(base_model / "tokenizer.json"))
    stored = await objects.get_bytes("training-files", f"{prefix}/conversations.jsonl")
    conversations = list(read_canonical(stored.splitlines()))
    whole = [len(tokenizer.encode(rendered_text(c), add_special_tokens=False).ids) for c in conversations]
    assert (file["tokens"], file["longest_conversation_tokens"]) == (sum(whole), max(whole))
    assert file["trainable_tokens"] == sum(sum(encode(c, tokenizer).learn_mask) for c in conversations)
    assert (file["tokens_exact"], file["report"]["tokenizer"]) == (True, base_model.name)


async def test_what_a_job_trains_on_is_the_stored_form(alone, uploads):
    file = await uploads.example(name="Pathways, June")
    assert file["name"] == "Pathways, June"
    async with alone.database.read() as tx:
        row = await files.for_training(tx, alone.workspace_id, file["id"])
    reference = files.reference(row)
    stored = await alone.app.state.dependencies.objects.get_bytes(reference.bucket, reference.key)
    assert reference.sha256 == hashlib.sha256(stored).hexdigest()
    assert (reference.conversations, reference.trainable_turns) == (stored.count(b"\n"), 45)
    assert (reference.tokens, reference.trainable_tokens) == (file["tokens"], file["trainable_tokens"])
    job = await alone.new_job(training_file_id=file["id"])
    assert job["training_file_name"] == "Pathways, June"


@pytest.mark.parametrize("name", FAULTY)
async def test_a_faulty_file_is_kept_with_its_report(alone, uploads, name):
    file = await uploads.example(f"broken/{name}")
    FileView.model_validate(file)
    with (EXAMPLES / "broken" / name).open("rb") as stream:
        report = read_training_file(stream, file_name=name).report
    found = [(issue["code"], issue["message"]) for issue in file["report"]["issues"]]
    assert FAULTY[name] in {code for code, _ in found}
    assert found == [(issue.code, issue.message) for issue in report.issues if issue.code != "TF205_too_long"]
    blocked = CODES[FAULTY[name]].severity is Severity.ERROR
    assert file["status"] == ("invalid" if blocked else "ready")
    if blocked:
        response = await alone.client.post("/jobs", json={"training_file_id": file["id"]})
        assert (response.status_code, response.json()["code"]) == (409, "training_file_invalid")
        response = await alone.client.get(f"/files/{file['id']}/preview")
        assert (response.status_code, response.json()["code"]) == (409, "training_file_invalid")


@pytest.mark.parametrize("name", REFUSED)
async def test_an_unreadable_file_is_refused_with_the_place(alone, uploads, name):
    response = await uploads.send(EXAMPLES / "broken" / name)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, REFUSED[name])
    assert response.headers["x-should-retry"] == "false"
    assert problem["place"].startswith("line ")
    assert problem["detail"].lower().startswith(problem["place"].lower())
    assert problem["suggested_fix"]
    assert (await alone.client.get("/files")).json()["data"] == []
    assert await alone.app.state.dependencies.objects.list("training-files", str(alone.workspace_id)) == []


@pytest.mark.parametrize(("content", "status", "code"), [
    (b"", 415, "TF001_empty"), (b"PK\x03\x04....", 415, "TF004_compressed"), (b"\xff\xfe{", 415, "TF005_not_utf8"),
    (b'{"text": "x"}', 415, "TF006_unknown_format"),
])
async def test_what_is_no_training_file_is_refused(uploads, content, status, code):
    response = await uploads.text(content)
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.skipif(not EQ12.is_dir(), reason="EQ-12, a real file kept outside the project, is absent from "
                    "../shared/data/eq-12; the samples cover the same format")
async def test_the_real_file_has_44_trainable_of_89_records(uploads):
    response = await uploads.send(EQ12 / "EQ-12-conversations-demo.json")
    file = response.json()
    assert (response.status_code, file["status"], file["conversations"]) == (201, "ready", 12)
    assert (file["records"], file["report"]["trainable"], file["trainable_turns"]) == (89, 44, 44)
    assert file["summary"].startswith("89 records: 44 trainable, 45 without an answer (user turns); 12 conversations, ")
    assert file["report"]["needs_review"]


async def test_the_same_bytes_again_are_taken_and_named_a_duplicate(alone, uploads):
    first, second = await uploads.example(), await uploads.example()
    assert (first["duplicate_of"], second["duplicate_of"]) == (None, first["id"])
    await alone.client.delete(f"/files/{first['id']}")
    assert (await alone.client.get(f"/files/{second['id']}")).json()["duplicate_of"] is None


async def test_a_repeated_upload_with_the_same_key_is_one_file(alone, uploads):
    headers = {"Idempotency-Key": str(uuid4())}
    first = await uploads.send(EXAMPLES / "sample.json", headers=headers)
    again = await uploads.send(EXAMPLES / "sample.json", headers=headers)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert again.headers["location"] == f"/api/training/files/{first.json()['id']}"
    other = await uploads.send(EXAMPLES / "sample-chat.jsonl", headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len((await alone.client.get("/files")).json()["data"]) == 1


async def test_a_dry_run_says_the_same_and_keeps_nothing(alone, uploads):
    response = await uploads.send(EXAMPLES / "broken" / "brightrun-missing-target.json", to="/files/validate")
    answer = response.json()
    ValidationView.model_validate(answer)
    assert (response.status_code, answer["status"]) == (200, "invalid")
    assert answer["report"]["issues"][0]["message"] == "conversation 2, pair 10: target_response is missing"
    assert (await alone.client.get("/files")).json()["data"] == []


async def test_uploads_at_the_same_time_do_not_mix(uploads):
    names = ["sample.json", "sample-chat.jsonl", "sample-sharegpt.json", "sample.jsonl"]
    found = await asyncio.gather(*(uploads.example(name) for name in names))
    assert [file["name"] for file in found] == names
    assert [file["records"] for file in found] == [93, 4, 4, 45]


async def test_engineers_upload_and_others_only_look(alone, uploads):
    for role, may in ((Role.ENGINEER, 201), (Role.ADMIN, 201), (Role.ANALYST, 403), (Role.OWNER, 403)):
        client = await alone.member(role)
        assert (await uploads.send(EXAMPLES / "sample-chat.jsonl", client)).status_code == may
        assert (await client.get("/files")).status_code == 200
    async with alone.as_key("br_unknown") as nobody:
        assert (await uploads.send(EXAMPLES / "sample-chat.jsonl", nobody)).status_code == 401

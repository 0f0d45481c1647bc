"""Training files: upload, check, preview, and what is refused."""

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest

from services.dashboard.file_view import distributions, findings, place
from services.dashboard.routes import files
from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser

EXAMPLES = Path(__file__).parents[3] / "examples"
HOSTILE = '<script>alert("x")</script>'


async def upload(browser: Browser, name: str, content: bytes, **more):
    token = await browser.token("/files")
    return await browser.http.post(
        "/files", data={"form_token": token, **more.pop("fields", {})}, files={"file": (name, content)}, **more)


def lines(*records) -> bytes:
    return "\n".join(json.dumps(record) for record in records).encode()


def chat(user: str, answer: str) -> dict:
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]}


async def test_an_empty_list_says_what_a_file_is_for(browser) -> None:
    page = (await browser.get("/files")).text
    assert "No files yet" in page
    assert "Upload and check" in page
    assert "No file is like that" in (await browser.get("/files?q=nothing")).text


async def test_an_uploaded_file_is_checked_previewed_and_used(api, browser) -> None:
    answer = await upload(browser, "sample.json", (EXAMPLES / "sample.json").read_bytes(),
                          fields={"name": "My sample", "description": "for all"})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].endswith("?notice=uploaded")
    page = (await browser.get(answer.headers["location"])).text
    for words in ("My sample", "for all", "93 records", "The file was uploaded and checked.", "Personas", "Topics",
                  "Longest conversation", '<mark class="learnt">', "None yet", "Train with it", "About"):
        assert words.lower() in page.lower(), words
    path = answer.headers["location"].split("?")[0]
    job = await api.new_job(training_file_id=path.split("/")[-1], name="Uses it")
    page = (await browser.get(path)).text
    assert f'href="/jobs/{job["id"]}"' in page
    assert "Uses it" in page
    assert "/delete" not in page
    assert "My sample" in (await browser.get("/files?q=sample&status=ready")).text
    short = (await browser.get(f"{path}?max_seq_length=128&conversations=1")).text
    assert "The first 1 of 14 conversations" in short
    assert 'value="128"' in short


async def test_every_problem_is_placed(browser) -> None:
    name = "brightrun-missing-target.json"
    answer = await upload(browser, name, (EXAMPLES / "broken" / name).read_bytes())
    page = (await browser.get(answer.headers["location"])).text
    assert "bg-red-lt" in page
    assert "pair 10, target_response" in page
    assert "conversation 2 (" in page
    assert "What to do:" in page
    assert "A file with errors is not trained" in page
    assert "Train with it" not in page


async def test_a_file_that_cannot_be_read_is_told_beside_the_form(browser) -> None:
    answer = await upload(browser, "x.json", b"{not json")
    assert answer.status_code in (415, 422)
    assert 'role="alert"' in answer.text
    assert "Upload and check" in answer.text
    part = await upload(browser, "x.json", b"{not json", headers={"hx-request": "true"})
    assert 'role="alert"' in part.text
    assert "<html" not in part.text
    nothing = await browser.send("/files", page="/files")
    assert nothing.status_code == 422
    assert "No file was chosen" in nothing.text


async def test_a_script_is_led_to_the_page_of_the_file(browser) -> None:
    answer = await upload(browser, "a.jsonl", lines(chat("Hi", "Hello")), headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"].startswith("/files/")


async def test_what_is_too_large_is_not_received(browser, monkeypatch) -> None:
    monkeypatch.setattr(files, "_LARGEST_UPLOAD", 100)
    answer = await upload(browser, "a.jsonl", lines(chat("Hi", "Hello")))
    assert answer.status_code == 422
    assert "larger than 200 MB" in answer.text


async def test_warnings_are_accepted_and_a_file_is_deleted(api, browser) -> None:
    file_id = await api.add_file(warning_count=2)
    path = f"/files/{file_id}"
    assert "Accept the warnings" in (await browser.get(path)).text
    answer = await browser.send(f"{path}/accept", page=path)
    assert answer.headers["location"] == f"{path}?notice=accepted"
    page = (await browser.get(path)).text
    file = (await api.client.get(path)).json()
    assert re.search(rf"The warnings were accepted .* by {re.escape(file['warnings_accepted_by_name'])}\.", page)
    assert file["warnings_accepted_by"] not in page
    assert "Accept the warnings" not in page
    answer = await browser.send(f"{path}/delete", page=path)
    assert answer.headers["location"] == "/files?notice=file-deleted"
    assert (await browser.get(path)).status_code == 404


async def test_a_file_in_use_stays(api, browser) -> None:
    job = await api.new_job()
    path = f"/files/{job['training_file_id']}"
    answer = await browser.send(f"{path}/delete", page=path)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text


async def test_markup_in_a_file_is_text(browser) -> None:
    content = lines(chat(HOSTILE, HOSTILE), {"messages": [{"role": HOSTILE, "content": HOSTILE}]})
    for name, text in ((f"{HOSTILE[:30]}.jsonl", content), ("good.jsonl", lines(chat(HOSTILE, HOSTILE)))):
        answer = await upload(browser, name, text, fields={"name": HOSTILE, "description": HOSTILE})
        assert answer.status_code == 303, answer.text
        for path in (answer.headers["location"], "/files"):
            page = (await browser.get(path)).text
            assert "<script>alert" not in page
            assert "&lt;script&gt;alert" in page


async def test_others_neither_see_it_nor_are_offered_the_upload(api, browser, dashboard) -> None:
    file_id = await api.add_file(name="ours.json")
    stranger = await api.member(*Role, workspace_id=uuid4())
    other = await Browser(dashboard).sign_in(stranger.headers["authorization"].removeprefix("Bearer "))
    assert "ours.json" not in (await other.get("/files")).text
    assert (await other.get(f"/files/{file_id}")).status_code == 404
    for action in ("accept", "delete"):
        answer = await other.send(f"/files/{file_id}/{action}", page="/files")
        assert answer.status_code == 404
    reader = await api.member(Role.ANALYST)
    analyst = await Browser(dashboard).sign_in(reader.headers["authorization"].removeprefix("Bearer "))
    page = (await analyst.get("/files")).text
    assert "Upload and check" not in page
    assert "ours.json" in page
    answer = await upload(analyst, "a.jsonl", lines(chat("Hi", "Hello")))
    assert answer.status_code == 403
    assert "Not allowed" in answer.text


async def test_a_store_that_is_away_greys_out_the_preview_alone(api, browser) -> None:
    file_id = await api.add_file(normalised_key="is/not/there")
    answer = await browser.get(f"/files/{file_id}")
    assert answer.status_code == 200
    assert "The preview cannot be shown just now" in answer.text
    assert "In the file" in answer.text


def test_findings_are_grouped_and_counted() -> None:
    issues = [{"code": "N", "severity": "info", "message": "n"}, {"code": "E", "severity": "error", "message": "e"},
              {"code": "E", "severity": "error", "message": "e"}]
    found = findings({"issues": issues, "issue_counts": {"E": 300}})
    assert [(each.code, each.total, len(each.issues)) for each in found] == [("E", 300, 2), ("N", 1, 1)]
    assert findings({}) == []


@pytest.mark.parametrize(("issue", "words"), [
    ({"conversation": 3, "conversation_key": "calm-7", "pair": 12, "field": "target_response"},
     "conversation 3 (calm-7), pair 12, target_response"),
    ({"pair": 2}, "pair 2"),
    ({}, "the whole file"),
])
def test_a_finding_has_a_place(issue, words) -> None:
    assert place(issue) == words


def test_a_distribution_shows_the_most_frequent_first() -> None:
    counts = {f"topic {n}": n for n in range(1, 13)}
    [found] = distributions({"topics": counts, "personas": {}})
    assert (found.total, found.first[0], len(found.others)) == (78, ("topic 12", 12), 2)

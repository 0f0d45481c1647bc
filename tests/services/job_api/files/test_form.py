"""The form itself: limits while it streams, names, and everything that can be wrong about it."""

import asyncio
import io
import json
from typing import Any

import httpx
import pytest

from chassis.problems import ProblemError
from services.job_api.files import receive
from services.job_api.files.errors import TrainingFileUnreadable
from services.job_api.files.form import FileTooLarge, UploadForm
from services.job_api.files.processes.pool import PoolLimits
from services.job_api.files.reader import FileReader
from services.job_api.files.receive import plain_name, received
from services.job_api.problem_table import problem_of

CHAT = b'{"messages":[{"role":"user","content":"%d"},{"role":"assistant","content":"a%d"}]}\n'


def body(*parts: tuple[str, bytes], end: bool = True) -> bytes:
    text = b"".join(b"--B\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
                    for head, data in parts)
    return text + (b"--B--\r\n" if end else b"")


def read(content: bytes, step: int, limit: int = 1000) -> tuple[UploadForm, dict[str, str], bytes]:
    spool = io.BytesIO()
    form = UploadForm("multipart/form-data; boundary=B", spool, limit)
    for start in range(0, len(content), step):
        form.write(content[start : start + step])
    return form, form.finish(), spool.getvalue()


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_a_form_is_read_however_it_is_cut(step):
    content = body(('name="name"', "Jürgen's".encode()), ('name="file"; filename="a \\"b\\".json"', b"x--B\r\n" * 9))
    form, texts, spooled = read(content, step)
    assert (texts, spooled, form.size) == ({"name": "Jürgen's"}, b"x--B\r\n" * 9, 54)


def test_a_file_over_the_limit_stops_the_reading():
    with pytest.raises(FileTooLarge):
        read(body(('name="file"; filename="a"', b"x" * 1001)), 100)
    assert read(body(('name="file"; filename="a"', b"x" * 1000)), 100)[0].size == 1000


@pytest.mark.parametrize(("content", "code", "word"), [
    (body(('name="name"', b"x")), "validation_failed", "file: is missing"),
    (body(('name="file"; filename="a"', b"x"), ('name="file"; filename="b"', b"y")), "validation_failed", "twice"),
    (body(('name="nmae"', b"x")), "validation_failed", "nmae"),
    (body(('name="name"', b"x" * 70_000)), "validation_failed", "too long"),
    (body(('name="file"; filename="a"', b"x"), end=False), "malformed_form", "cut off"),
    (b"no form at all", "malformed_form", "RFC 7578"),
])
def test_what_is_wrong_about_a_form_is_said(content, code, word):
    with pytest.raises(ProblemError) as caught:
        read(content, 100)
    assert caught.value.code == code
    assert word in caught.value.detail
    assert caught.value.suggested_fix


@pytest.mark.parametrize(("given", "kept"), [
    ("C:\\data\\June.json", "June.json"), ("../../etc/passwd", "passwd"), ("a\x00b\n.json", "ab.json"),
    ("", "training-file"), ("x" * 300, "x" * 255), ("мой файл.json", "мой файл.json"),
])
def test_a_name_is_a_plain_name(given, kept):
    assert plain_name(given) == kept


class Incoming:
    """A request whose body comes in pieces."""

    def __init__(self, pieces: list[bytes], **headers: str) -> None:
        self.headers = {"content-type": "multipart/form-data; boundary=B"} | headers
        self.pieces, self.read = pieces, 0

    async def receive(self) -> dict[str, Any]:
        self.read += 1
        more = self.read < len(self.pieces)
        return {"type": "http.request", "body": self.pieces[self.read - 1], "more_body": more}


async def test_an_upload_is_refused_as_soon_as_it_is_too_large_and_its_rest_is_read_away():
    whole = body(('name="file"; filename="a"', b"x" * 5000))
    request = Incoming([whole[n : n + 100] for n in range(0, len(whole), 100)])
    with pytest.raises(ProblemError) as caught:
        async with received(request, limit=1000):  # type: ignore[arg-type]
            raise AssertionError("not reached")
    assert (caught.value.status, caught.value.code) == (413, "TF002_too_large")
    assert request.read == len(request.pieces)


async def test_the_temporary_file_goes_when_the_request_ends():
    request = Incoming([body(('name="file"; filename="a.json"', b"{}"))])
    async with received(request) as upload:  # type: ignore[arg-type]
        assert upload.path.read_bytes() == b"{}"
    assert not upload.folder.exists()


@pytest.mark.slow
async def test_a_declared_length_over_200_mb_is_refused_before_it_is_sent(alone, monkeypatch):
    monkeypatch.setattr(receive, "_LINGER_S", 0.1)
    url, key = httpx.URL(alone.url), alone.credentials["api_key"]
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST /api/training/files HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {key}\r\n"
                 "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 300000000\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 413 ")
    assert json.loads(answer.partition("\r\n\r\n")[2])["detail"] == "The file is larger than 200 MB."


async def test_too_many_records_are_refused():
    request = Incoming([body(('name="file"; filename="a.jsonl"', b"".join(CHAT % (n, n) for n in range(11))))])
    async with received(request) as upload:  # type: ignore[arg-type]
        reader = FileReader("none", PoolLimits())
        assert (await reader.read(upload, max_records=11)).report.records == 11
        with pytest.raises(TrainingFileUnreadable) as caught:
            await reader.read(upload, max_records=10)
        await reader.imports.stop()
    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (413, "TF003_too_many_records")
    assert problem.detail == "The file has more than 10 records."


async def test_a_body_that_is_no_form_is_told_what_to_send(alone):
    response = await alone.client.post("/files", json={"file": "x"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    response = await alone.client.post("/files", files={"file": ("a.json", b"{}")}, data={"name": "x" * 256})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "name")

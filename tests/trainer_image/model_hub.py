"""A model hub on this machine: what huggingface_hub asks for, from a folder, and the ways in which a hub says no."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

COMMIT = "c0ffee" * 6 + "c0de"
REPOSITORY = "acme/tiny-llama"


@dataclass
class Refusal:
    """`status` 0 closes the connection without an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ModelHub:
    """`refusals` are given in turn to requests whose path holds `refused_path`, the last for ever when `for_ever`."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    for_ever: bool = True
    refused_path: str = ""
    # Weights arrive with one bit turned.
    damaged: bool = False

    def refusal(self, path: str) -> Refusal | None:
        self.asked.append(path)
        if not self.refusals or self.refused_path not in path:
            return None
        return self.refusals[0] if self.for_ever and len(self.refusals) == 1 else self.refusals.pop(0)

    def tree(self) -> list[dict[str, Any]]:
        return [{"type": "file", "path": path.name, "size": path.stat().st_size,
                 "oid": hashlib.sha1(path.read_bytes()).hexdigest()}  # noqa: S324
                for path in sorted(self.folder.iterdir())]

    def siblings(self) -> list[dict[str, Any]]:
        """With what the hub states of each: git's hash, and the SHA-256 of weights."""
        return [{"rfilename": path.name, "size": path.stat().st_size, "blobId": git_blob(path)}
                | ({"lfs": large_file(path)} if path.suffix == ".safetensors" else {})
                for path in sorted(self.folder.iterdir())]


def git_blob(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324


def large_file(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "pointerSize": 134}


class Handler(BaseHTTPRequestHandler):
    hub: ClassVar[ModelHub]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if (refusal := self.hub.refusal(path)) is not None:
            return self.refuse(refusal)
        if path.startswith(f"/api/models/{REPOSITORY}"):
            return self.answer_api(path)
        name = path.removeprefix(f"/{REPOSITORY}/resolve/{COMMIT}/")
        file = self.hub.folder / name
        if not file.is_file():
            return self.refuse(Refusal(404, {"X-Error-Code": "EntryNotFound"}))
        content = file.read_bytes()
        if self.hub.damaged and file.suffix == ".safetensors":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT})  # noqa: S324

    def answer_api(self, path: str) -> None:
        rest = path.removeprefix(f"/api/models/{REPOSITORY}")
        if rest.startswith("/tree/"):
            return self.send_json(self.hub.tree())
        revision = rest.removeprefix("/revision/")
        if revision not in ("", "main", "v1", COMMIT):
            return self.refuse(Refusal(404, {"X-Error-Code": "RevisionNotFound"}))
        self.send_json({"id": REPOSITORY, "sha": COMMIT, "siblings": self.hub.siblings()})

    def send_json(self, content: Any) -> None:
        self.send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def refuse(self, refusal: Refusal) -> None:
        if refusal.status == 0:
            self.close_connection = True
            self.connection.close()
        else:
            self.send(refusal.status, b"{}", refusal.headers)

    def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def model_hub(folder: Path) -> Iterator[ModelHub]:
    hub = ModelHub(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()

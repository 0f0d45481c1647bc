"""compose.yaml really started, by podman-compose over stand-in images, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.images.standin.__main__ import PREFIX
from tests.packaging.composition import ROOT, command, document, environment, runs_once

# Nobody packs Grafana; its provisioning is read by the static tests.
LEFT_OUT = ("grafana",)
_ATTEMPTS, _LOST_RACE = 4, "are not running"


@dataclass(frozen=True)
class Installation:
    """`image`: of the services, `page`, `local` and `ops` beside it. Raises AssertionError with what an engine said."""

    folder: Path
    project: str
    compose: Path
    image: str
    port: int

    @classmethod
    def prepare(cls, folder: Path, project: str, compose: Path, image: str, port: int) -> Installation:
        shutil.copy2(ROOT / "compose.yaml", folder)
        shutil.copytree(ROOT / "ops", folder / "ops")
        name, _, tag = image.rpartition(":")
        lines = [f"BRIGHTRUN_IMAGE={image}", f"BRIGHTRUN_OPS_IMAGE={name}-ops:{tag}",
                 f"BRIGHTRUN_LOCAL_IMAGE={name}-local:{tag}", f"BRIGHTRUN_PAGE_IMAGE={name}-page:{tag}",
                 f"HTTPS_PORT={port}", f"HTTP_PORT={port + 1}",
                 f"BRIGHTRUN_PUBLIC_URL=https://localhost:{port}"]
        lines += [f"{part.upper()}_IMAGE={PREFIX}{part}" for part in ("postgres", "nats", "valkey", "s3", "prometheus",
                                                                      "alertmanager")]
        lines += [f"CADDY_IMAGE={PREFIX}proxy"]
        (folder / ".env").write_text("\n".join(lines) + "\n")
        return cls(folder, project, compose, image, port)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def up(self) -> None:
        """Said again where podman 4 lost its race: it starts what is required once more, and refuses what requires it
        when that has ended in between. What runs stays as it is."""
        services = [name for name in document()["services"] if name not in LEFT_OUT]
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.engine(str(self.compose), "up", "--detach", *services)
                return
            except AssertionError as error:
                if _LOST_RACE not in str(error) or attempt == _ATTEMPTS:
                    raise

    def down(self, *options: str) -> None:
        self.engine(str(self.compose), "down", *options)

    def engine(self, program: str, *arguments: str) -> str:
        own = ["--project-name", self.project] if program == str(self.compose) else []
        done = subprocess.run([program, *own, *arguments], cwd=self.folder, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stderr[-9000:]}"
        return done.stdout

    def container(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def log(self, service: str) -> str:
        done = subprocess.run(["podman", "logs", "--tail", "40", self.container(service)], check=False,
                              capture_output=True, text=True)
        return (done.stdout + done.stderr)[-3000:]

    def exit_code(self, service: str) -> str:
        return self.engine("podman", "inspect", "--format", "{{.State.ExitCode}}", self.container(service)).strip()

    def wait_until_ready(self, service: str, port: int = 8000, patience_s: float = 240.0) -> None:
        """By its own health check: podman runs none without systemd."""
        ask = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/health/ready', timeout=4).status)"
        deadline, said = time.monotonic() + patience_s, ""
        while said != "200":
            assert time.monotonic() < deadline, f"{service} is not ready:\n{self.log(service)}"
            done = subprocess.run(["podman", "exec", self.container(service), "python", "-c", ask], check=False,
                                  capture_output=True, text=True)
            said = done.stdout.strip()
            time.sleep(0.5 if said != "200" else 0)

    def wait_until_all_are_ready(self) -> None:
        """Every process of ours that answers for its health, on its operators' port where it has one."""
        for name in self._ours():
            port = environment(document()["services"][name]).get("BRIGHTRUN_OPERATIONS_PORT", 8000)
            self.wait_until_ready(name, int(port))

    def _ours(self) -> list[str]:
        return [name for name, service in document()["services"].items()
                if not runs_once(service) and "".join(command(service)[:1]).startswith("services.")]

    def authority(self) -> Path:
        """The certificate of the proxy's own authority, as an administrator hands it to users."""
        path = self.folder / "authority.crt"
        deadline = time.monotonic() + 60
        while True:
            done = subprocess.run(["podman", "exec", self.container("proxy"), "cat",
                                   "/data/caddy/pki/authorities/local/root.crt"], check=False, capture_output=True)
            if done.returncode == 0 and done.stdout:
                path.write_bytes(done.stdout)
                return path
            assert time.monotonic() < deadline, self.log("proxy")
            time.sleep(0.5)

    def get(self, path: str) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=str(self.authority()))
        try:
            with urllib.request.urlopen(self.url + path, context=context, timeout=20) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def brightrun(self, *arguments: str) -> str:
        """The command line of a user elsewhere: the address, a key, and the authority's certificate."""
        first = json.loads((self.folder / "secrets" / "first" / "credentials.json").read_text())
        environment = {**os.environ, "BRIGHTRUN_URL": self.url, "BRIGHTRUN_API_KEY": first["api_key"],
                       "SSL_CERT_FILE": str(self.authority()), "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-m", "brightrun", *arguments], env=environment, cwd=self.folder,
                              check=False, capture_output=True, text=True)
        assert done.returncode == 0, (f"brightrun {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}\n"
                                      + "\n".join(f"--- {name}\n{self.log(name)}" for name in self._ours()))
        return done.stdout

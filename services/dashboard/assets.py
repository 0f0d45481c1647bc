"""Style sheets and scripts: our own and those of packages, each named, under an address that changes with them."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).with_name("static")
# What is served of the packages, and under which name.
PACKAGES = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "sse.js": "htmx-ext-sse/dist/sse.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_A_YEAR = "public, max-age=31536000, immutable"


class AssetsMissing(RuntimeError):
    """`npm ci` has not run."""


@dataclass(frozen=True)
class Asset:
    content: bytes
    compressed: bytes
    media_type: str


class Assets:
    """All of them in memory. One version for the set: modules import each other by relative addresses."""

    def __init__(self, packages: Path) -> None:
        files = {path.name: path for path in sorted(STATIC.iterdir()) if path.suffix in _TYPES}
        files |= {name: packages / path for name, path in PACKAGES.items()}
        if missing := [str(path) for path in files.values() if not path.is_file()]:
            raise AssetsMissing(f"{missing[0]} is not there. Run `make setup`, which fetches it (npm ci).")
        self._assets = {name: _asset(path) for name, path in files.items()}
        contents = b"\0".join(name.encode() + asset.content for name, asset in self._assets.items())
        self.version = hashlib.sha256(contents).hexdigest()[:12]

    def url(self, name: str) -> str:
        """Raises KeyError for a name that is not served."""
        self._assets[name]
        return f"/assets/{self.version}/{name}"

    def weight(self, *names: str) -> int:
        """Bytes over the line."""
        return sum(len(self._assets[name].compressed) for name in names)

    def answer(self, request: Request, version: str, name: str) -> Response:
        """Another version is an old page's: it gets what there is, and may not keep it."""
        asset = self._assets.get(name)
        if asset is None:
            raise HTTPException(404)
        headers = {"cache-control": _A_YEAR if version == self.version else "no-cache", "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.compressed, media_type=asset.media_type,
                            headers=headers | {"content-encoding": "gzip"})
        return Response(asset.content, media_type=asset.media_type, headers=headers)


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, gzip.compress(content, 9, mtime=0), _TYPES[path.suffix])

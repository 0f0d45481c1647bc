"""What an image is made of, as a CycloneDX document: packages of Python and of Debian, asked of the image itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from stack.images.engine import Engine
from stack.layout import ROOT

FOLDER = ROOT / "dist"


@dataclass(frozen=True)
class Inventory:
    """`python`: name, version, licence of each package; `debian`: name, version, architecture; `system`: os-release."""

    python: list[list[str]]
    debian: list[list[str]]
    system: dict[str, str]


def write_bill_of_materials(engine: Engine, tag: str, folder: Path = FOLDER) -> Path:
    """Beside the image, since an image that holds it would be another image. Raises StackError."""
    found = Inventory(**json.loads(engine.python(tag, _ASK)))
    digest = engine.output("inspect", "--format", "{{.Id}}", tag).stdout.strip().removeprefix("sha256:")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{tag.rpartition('/')[2].replace(':', '-')}.cdx.json"
    path.write_text(JsonV1Dot6(document(tag, digest, found)).output_as_string(indent=1) + "\n")
    return path


def document(tag: str, digest: str, found: Inventory) -> Bom:
    name, _, version = tag.rpartition(":")
    bom = Bom(components=[*_python(found.python), *_debian(found.debian, found.system)])
    image = Component(type=ComponentType.CONTAINER, name=name, version=version, bom_ref=f"sha256:{digest}")
    bom.metadata.component = image
    bom.register_dependency(image, bom.components)
    return bom


def _python(packages: list[list[str]]) -> Iterator[Component]:
    licences = LicenseFactory()
    for name, version, licence in packages:
        purl = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
        known = [licences.make_from_string(licence)] if licence else []
        yield Component(name=name, version=version, purl=purl, bom_ref=purl.to_string(), licenses=known)


def _debian(packages: list[list[str]], system: dict[str, str]) -> Iterator[Component]:
    vendor = system.get("ID", "linux")
    for name, version, architecture in packages:
        qualifiers = {"arch": architecture, "distro": f"{vendor}-{system.get('VERSION_ID', '')}"}
        purl = PackageURL("deb", vendor, name, version, qualifiers)
        yield Component(name=name, version=version, purl=purl, bom_ref=purl.to_string())



_ASK = """
import importlib.metadata, json, platform, subprocess
def licence(found):
    text = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
    return text if len(text) < 100 and "\\n" not in text else ""
found = importlib.metadata.distributions()
python = sorted({(d.metadata["Name"], d.version, licence(d)) for d in found})
ask = ["dpkg-query", "--show", "--showformat", "${Package}\\t${Version}\\t${Architecture}\\n"]
try:
    lines = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()
except FileNotFoundError:
    lines = []
print(json.dumps({"python": python, "debian": [line.split("\\t") for line in lines],
                  "system": platform.freedesktop_os_release()}))
"""

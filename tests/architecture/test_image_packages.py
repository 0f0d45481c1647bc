"""The trainer's image holds every package that its code imports: no machine here would miss one."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.architecture.imports import imported
from tests.architecture.skeleton import PACKAGES, ROOT

LOCKS = (ROOT / "trainer_image" / "requirements.txt", ROOT / "requirements" / "torch-cuda.lock")


def locked() -> set[str]:
    return {normal(name) for path in LOCKS for name in re.findall(r"^([\w.-]+)==", path.read_text(), re.MULTILINE)}


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def missing(sources: dict[str, str]) -> dict[str, str]:
    """Imported package -> a file that imports it, for those that no lock of the image names."""
    distributions, there = packages_distributions(), locked()
    own = {*PACKAGES, *sys.stdlib_module_names}
    used = {name.split(".")[0]: path for path, source in sources.items() for name in imported(source)}
    return {name: path for name, path in used.items()
            if name not in own and not there & {normal(found) for found in distributions.get(name, [])}}


def sources() -> dict[str, str]:
    return {str(path): path.read_text() for package in ("contracts", "trainer_image")
            for path in Path(ROOT / package).rglob("*.py")}


def test_the_image_has_what_it_imports() -> None:
    assert missing(sources()) == {}


def test_a_package_that_is_missing_is_found() -> None:
    assert missing({"new.py": "import supervisor.options\nimport json\nimport torch"}) == {"supervisor": "new.py"}

"""Every command that the Makefile declares is there: `make` takes a phony target without a rule for done."""

import re

from stack.layout import ROOT
from tests.images.__main__ import PACKAGES

MAKEFILE = (ROOT / "Makefile").read_text()


def rules(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))


def test_what_is_declared_has_a_rule_and_the_other_way_round() -> None:
    [declared] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert set(declared.split()) == rules(MAKEFILE)


def test_ci_calls_commands_that_exist() -> None:
    called = set(re.findall(r"^make ([a-z0-9-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    assert called
    assert called <= rules(MAKEFILE)


def test_what_test_images_needs_is_said_in_its_help_and_beside_the_tests() -> None:
    [said] = re.findall(r"^test-images:.*\(apt-get install (.+)\)$", MAKEFILE, re.MULTILINE)
    assert said == PACKAGES
    assert f"apt-get install {PACKAGES} " in (ROOT / "tests" / "images" / "README.md").read_text()


def test_every_test_marked_images_is_one_of_test_images() -> None:
    [folders] = re.findall(r"^\t.*-m images .*\$\(or \$\(TESTS\),(.+)\)$", MAKEFILE, re.MULTILINE)
    marked = [path for path in (ROOT / "tests").rglob("test_*.py")
              if re.search(r"^pytestmark.*mark\.images", path.read_text(), re.MULTILINE)]
    assert len(marked) >= 4
    assert [str(path) for path in marked
            if not any(path.is_relative_to(ROOT / folder) for folder in folders.split())] == []

"""Every command that the Makefile declares is there: `make` takes a phony target without a rule for done."""

import re

from stack.layout import ROOT

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

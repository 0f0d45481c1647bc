"""docs/training-file.md says what the code does."""

import re
from pathlib import Path

from contracts.training_file import CODES, FORMAT_NAMES, REFUSALS, Severity

DOCUMENT = (Path(__file__).parents[3] / "docs" / "training-file.md").read_text(encoding="utf-8")


def test_every_code_is_documented_with_its_meaning_and_fix():
    rows = dict(re.findall(r"^\| `(TF[123]\w+)` \| (.*) \|$", DOCUMENT, re.MULTILINE))
    assert rows == {code: f"{spec.meaning} | {spec.suggested_fix}" for code, spec in CODES.items()}


def test_every_refusal_is_documented():
    rows = dict(re.findall(r"^\| `(TF0\w+)` \| (.*) \| 4\d\d \|$", DOCUMENT, re.MULTILINE))
    assert rows == REFUSALS


def test_the_number_of_a_code_tells_its_severity():
    digits = {Severity.ERROR: "TF1", Severity.WARNING: "TF2", Severity.INFO: "TF3"}
    assert all(code.startswith(digits[spec.severity]) for code, spec in CODES.items())


def test_every_format_is_named():
    assert all(name.split(" JSON")[0] in DOCUMENT for name in FORMAT_NAMES.values())

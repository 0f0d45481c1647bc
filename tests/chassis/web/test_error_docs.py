"""Every code the chassis can send has its place in docs/errors.md, where `docs_url` points."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_CODES = re.compile(r"""(?:\bcode=|default_code, default_title, default_status = |ProblemError\(\s*)"([a-z_]+)\"""")


def codes_in(source: str) -> set[str]:
    return set(_CODES.findall(source))


def undocumented(codes: set[str], page: str) -> set[str]:
    return {code for code in codes if f'<a id="{code}"></a>' not in page}


def chassis_codes() -> set[str]:
    return {code for path in (ROOT / "chassis").rglob("*.py") for code in codes_in(path.read_text())}


@pytest.mark.parametrize("code", sorted(chassis_codes()))
def test_code_is_documented(code: str) -> None:
    assert not undocumented({code}, (ROOT / "docs" / "errors.md").read_text())


def test_an_undocumented_code_is_found() -> None:
    codes = codes_in('raise Conflict("x", code="brand_new")\nProblemError(\n    "other_new", "T", 500, "d")')
    assert undocumented(codes, '<a id="conflict"></a>') == {"brand_new", "other_new"}

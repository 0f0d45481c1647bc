import json

import pytest

from brightrun.credentials import find_credentials
from brightrun.errors import NoCredentials


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path) -> None:
    for name in ("BRIGHTRUN_URL", "BRIGHTRUN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BRIGHTRUN_DATA_DIR", str(tmp_path / ".data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(tmp_path, text: str) -> None:
    (tmp_path / ".data").mkdir(exist_ok=True)
    (tmp_path / ".data" / "credentials.json").write_text(text)


def test_the_stacks_file_is_found(tmp_path) -> None:
    write(tmp_path, json.dumps({"url": "http://127.0.0.1:8700/", "api_key": "br_file"}))
    found = find_credentials()
    assert (found.url, found.api_key) == ("http://127.0.0.1:8700", "br_file")


def test_a_folder_below_the_project_finds_it_too(tmp_path, monkeypatch) -> None:
    write(tmp_path, json.dumps({"url": "http://a", "api_key": "br_file"}))
    monkeypatch.delenv("BRIGHTRUN_DATA_DIR")
    below = tmp_path / "deep" / "er"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_credentials().api_key == "br_file"


def test_the_environment_overrides_each_value(tmp_path, monkeypatch) -> None:
    write(tmp_path, json.dumps({"url": "http://a", "api_key": "br_file"}))
    monkeypatch.setenv("BRIGHTRUN_API_KEY", "br_env")
    assert (find_credentials().url, find_credentials().api_key) == ("http://a", "br_env")


@pytest.mark.parametrize("text", [None, "not json", "[]", '{"url": "http://a"}'])
def test_a_missing_or_damaged_file_says_what_to_do(tmp_path, text) -> None:
    if text is not None:
        write(tmp_path, text)
    with pytest.raises(NoCredentials) as caught:
        find_credentials()
    assert "make up" in caught.value.fix

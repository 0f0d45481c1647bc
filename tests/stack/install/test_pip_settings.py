"""Whoever has told pip where packages come from need not tell uv again."""

import itertools
import os
import sys

from stack.install.pip_settings import PipSettings


def test_files_environment_and_the_section_of_install_count_in_pips_order() -> None:
    listing = "\n".join(
        (
            ":env:.find-links='/from/environment'",
            "global.find-links='/from/file'",
            "global.extra-index-url='https://one.example/simple https://two.example/simple'",
            "global.index-url='https://global.example/simple'",
            "install.index-url='https://install.example/simple'",
            "freeze.timeout='10'",
        )
    )
    options = PipSettings.parse(listing).uv_options()
    assert pairs(options) >= {
        ("--find-links", "/from/environment"),
        ("--default-index", "https://install.example/simple"),
        ("--index", "https://one.example/simple"),
        ("--index", "https://two.example/simple"),
        ("--index-strategy", "unsafe-best-match"),
    }
    assert "/from/file" not in options


def pairs(options: list[str]) -> set[tuple[str, str]]:
    return set(itertools.pairwise(options))


def test_several_folders_on_several_lines() -> None:
    options = PipSettings.parse(r"global.find-links='\n/one\n/two'").uv_options()
    assert pairs(options) >= {("--find-links", "/one"), ("--find-links", "/two")}


def test_nothing_set_leaves_uv_to_its_own() -> None:
    assert PipSettings.parse("").uv_options() == ["--index-strategy", "unsafe-best-match"]
    assert PipSettings.parse("").uv_environment() == {}


def test_no_index_and_trusted_hosts_are_said_to_uv() -> None:
    options = PipSettings.parse("global.no-index='true'\nglobal.trusted-host='inner.example'").uv_options()
    assert "--no-index" in options
    assert ("--allow-insecure-host", "inner.example") in pairs(options)


def test_certificates_and_proxy_travel_as_variables_and_set_ones_stay(monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/mine.pem")
    monkeypatch.delenv("ALL_PROXY", raising=False)
    settings = PipSettings.parse("global.cert='/pip.pem'\nglobal.proxy='http://proxy.example:3128'")
    assert settings.uv_environment() == {"ALL_PROXY": "http://proxy.example:3128"}
    monkeypatch.delenv("SSL_CERT_FILE")
    assert settings.uv_environment()["SSL_CERT_FILE"] == "/pip.pem"


def test_pip_itself_is_asked(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert ("--find-links", str(tmp_path)) in pairs(PipSettings.read(sys.executable).uv_options())

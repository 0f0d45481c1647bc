"""A peer that cannot be installed is left out with a reason."""

from pathlib import Path

import pytest

from benchmarks.peers.contenders import PEERS
from benchmarks.peers.environment import NotInstalled, make


@pytest.fixture
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1",
                        "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "UV_INDEX_URL": "http://127.0.0.1:9/simple",
                        "UV_NO_CACHE": "1", "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.slow
def test_without_a_registry_it_is_said_what_to_do(no_registry: None, tmp_path: Path) -> None:
    requirement = PEERS[1].requirement
    with pytest.raises(NotInstalled, match=f"{requirement} could not be installed .*check that pip or uv can reach"):
        make(tmp_path / "environment", requirement)


def test_peers_are_pinned() -> None:
    assert all("==" in peer.requirement and peer.requirement.partition("==")[2] in peer.name for peer in PEERS)

"""The cluster's alerts are those that the unit tests are about."""

from pathlib import Path

import pytest
import yaml

from ops.cluster import __main__ as cluster


def test_the_manifest_is_fresh() -> None:
    assert cluster.MANIFEST.read_text() == cluster.manifest()


def test_every_rule_is_in_it() -> None:
    written = yaml.safe_load(cluster.MANIFEST.read_text())["spec"]["groups"]
    files = sorted(cluster.RULES.glob("*.yml"))
    assert written == [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    assert len({rule["alert"] for group in written for rule in group["rules"] if "alert" in rule}) > 20


def test_a_stale_manifest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder := tmp_path / "rules").mkdir()
    (folder / "a.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]\n")
    monkeypatch.setattr(cluster, "MANIFEST", tmp_path / "rules.yaml")
    monkeypatch.setattr("sys.argv", ["ops.cluster", "--check"])
    (tmp_path / "rules.yaml").write_text(cluster.manifest(folder))
    assert cluster.main() == 1
    assert "stale" in capsys.readouterr().err

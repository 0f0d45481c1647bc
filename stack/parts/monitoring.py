"""Prometheus and Alertmanager as the machine has them installed, with the rules and the configuration in ops/."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

from stack.monitoring import HOW_TO_GET_THEM, executable
from stack.parts.process import Command, Part, PartError
from stack.private_files import private_folder, write_private

_OPS = Path(__file__).parents[2] / "ops"
SLACK_URL = "BRIGHTRUN_ALERTS_SLACK_URL"
_RETENTION = "15d"


class _Monitor(Part):
    """A server over HTTP that says at /-/ready whether it is ready."""

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1.0) as answer:  # noqa: S310  http:// of our own
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def _executable(self) -> str:
        if (found := executable(self.name)) is None:
            raise PartError(f"{self.name} is not installed here. {HOW_TO_GET_THEM}")
        return found


class PrometheusPart(_Monitor):
    """Reads its targets from `targets/` in its folder (stack.monitoring)."""

    name = "prometheus"

    def prepare(self) -> None:
        super().prepare()
        text = (_OPS / "prometheus" / "prometheus.yml").read_text()
        here = {"rules/*.yml": str(_OPS / "prometheus" / "rules" / "*.yml"),
                "targets/": f"{self.data_dir}/targets/", "localhost:9090": f"{self.host}:{self.port}"}
        write_private(self.data_dir / "prometheus.yml", _replaced(text, here))

    def command(self) -> Command:
        return Command([
            self._executable(), f"--config.file={self.data_dir / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data_dir / 'tsdb'}", f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={self.host}:{self.port}"])


class AlertmanagerPart(_Monitor):
    """Tells Slack where BRIGHTRUN_ALERTS_SLACK_URL names a webhook; otherwise alerts are seen on its page only."""

    name = "alertmanager"

    def prepare(self) -> None:
        super().prepare()
        private_folder(self.data_dir)
        text = (_OPS / "alertmanager" / "alertmanager.yml").read_text()
        secret = self.data_dir / "slack_url"
        here = {"/run/secrets/slack_alerts_url": str(secret),
                "templates/*.tmpl": str(_OPS / "alertmanager" / "templates" / "*.tmpl")}
        if url := os.environ.get(SLACK_URL):
            write_private(secret, url)
        elif not secret.exists():
            here["receiver: slack"] = "receiver: nobody"
        write_private(self.data_dir / "alertmanager.yml", _replaced(text, here))

    def command(self) -> Command:
        return Command([
            self._executable(), f"--config.file={self.data_dir / 'alertmanager.yml'}",
            f"--storage.path={self.data_dir / 'data'}", f"--web.listen-address={self.host}:{self.port}",
            "--cluster.listen-address="])


def _replaced(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        if old not in text:
            raise PartError(f"The configuration in {_OPS} does not have {old!r} any more.")
        text = text.replace(old, new)
    return text

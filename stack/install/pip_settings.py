"""pip's settings, said to uv: whoever has told pip where packages come from need not tell uv again."""

from __future__ import annotations

import ast
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

# later ones win, as with pip
SECTIONS = ("global", "site", "user", "install", ":env:")


@dataclass(frozen=True)
class PipSettings:
    """`values` maps pip's long option names to their text."""

    values: dict[str, str]

    @classmethod
    def read(cls, python: str | Path) -> PipSettings:
        """As the pip of this interpreter sees files and environment; empty when it has no pip."""
        done = subprocess.run(
            [python, "-m", "pip", "config", "list"], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        return cls.parse(done.stdout)

    @classmethod
    def parse(cls, listing: str) -> PipSettings:
        """`section.option='value'` a line; sections of other commands than install do not count."""
        found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
        for line in listing.splitlines():
            name, _, value = line.partition("=")
            section, _, option = name.rpartition(".")
            if section in found:
                found[section][option] = str(ast.literal_eval(value))
        return cls({option: text for section in SECTIONS for option, text in found[section].items()})

    def main_index(self) -> list[str]:
        return self._each("index-url", "--default-index")

    def uv_options(self) -> list[str]:
        """Every place counts as with pip, the best version wins: uv alone would stop at the first that has a package,
        which may hold a few files of it only. What is installed is known by its hash, wherever it lies."""
        options = self.main_index()
        options += self._each("extra-index-url", "--index")
        options += self._each("find-links", "--find-links")
        options += self._each("trusted-host", "--allow-insecure-host")
        options += ["--no-index"] if self.values.get("no-index", "").lower() in ("1", "true", "yes", "on") else []
        return [*options, "--index-strategy", "unsafe-best-match"]

    def uv_environment(self) -> dict[str, str]:
        """What uv reads from variables only. Its own variables, where set, stay."""
        wanted = {
            "SSL_CERT_FILE": self.values.get("cert"),
            "UV_HTTP_TIMEOUT": self.values.get("default-timeout") or self.values.get("timeout"),
            "ALL_PROXY": self.values.get("proxy"),
        }
        return {name: text for name, text in wanted.items() if text and name not in os.environ}

    def _each(self, option: str, flag: str) -> list[str]:
        return [word for value in self.values.get(option, "").split() for word in (flag, value)]

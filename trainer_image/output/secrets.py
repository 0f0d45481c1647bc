"""Nothing secret leaves with the output: by its form, and by its value where the environment holds it."""

import os
import re
from collections.abc import Mapping

from contracts.redaction import HIDDEN, redact

_SECRET_NAMES = re.compile(r"(?i)(token|secret|password|passwd|credential|api_?key|access_?key|private_?key)")
# Shorter values (`1`, `none`) would hide ordinary words.
_SHORTEST = 8
# A .creds or PEM file holds keys line by line, between rulers of words.
_LINE_OF_A_KEY = re.compile(r"(?m)^[A-Za-z0-9._=+/-]{16,}$")


class Secrets:
    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        found = {part for name, value in environment.items() if _SECRET_NAMES.search(name)
                 for part in (value.strip(), *_LINE_OF_A_KEY.findall(value)) if len(part) >= _SHORTEST}
        longest_first = sorted(found, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def hidden(self, text: str) -> str:
        if self._values is not None:
            text = self._values.sub(HIDDEN, text)
        return redact(text)

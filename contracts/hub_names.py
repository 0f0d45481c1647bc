"""How a base model is named: a folder, a hub id, or a hub id at a revision (`org/name@revision`)."""

import re
from pathlib import Path

_AT_A_REVISION = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<revision>[\w./-]+)")


def split_revision(base_model: str) -> tuple[str, str | None]:
    """(hub id, revision); the revision is None where none is named, and for folders."""
    match = _AT_A_REVISION.fullmatch(base_model)
    if match is None or Path(base_model).is_dir():
        return base_model, None
    return match["repository"], match["revision"]

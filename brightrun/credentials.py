"""Where the API is and with which key: the environment first, then what the stack on this machine has written."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from brightrun.errors import NoCredentials

FILE = Path(".data") / "credentials.json"
_NO_KEY_FIX = (
    "Run `make up` in the project's folder, or set BRIGHTRUN_URL and BRIGHTRUN_API_KEY to an API and a key of yours."
)


@dataclass(frozen=True)
class Credentials:
    url: str
    api_key: str = field(repr=False)
    source: str = "environment"


def data_folder() -> Path:
    """BRIGHTRUN_DATA_DIR; else `.data` here or in the nearest folder above; else the installation's."""
    if named := os.environ.get("BRIGHTRUN_DATA_DIR"):
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).exists():
            return folder / ".data"
    installed = Path(__file__).resolve().parents[1] / ".data"
    return installed if installed.exists() else here / ".data"


def find_credentials() -> Credentials:
    """Raises NoCredentials."""
    url, key = os.environ.get("BRIGHTRUN_URL", ""), os.environ.get("BRIGHTRUN_API_KEY", "")
    if url and key:
        return Credentials(url.rstrip("/"), key)
    path = data_folder() / "credentials.json"
    try:
        document = json.loads(path.read_text())
        return Credentials((url or document["url"]).rstrip("/"), key or document["api_key"], str(path))
    except FileNotFoundError:
        raise NoCredentials("No API key was found.", _NO_KEY_FIX) from None
    except PermissionError:
        raise NoCredentials(f"{path} belongs to another user.", _NO_KEY_FIX) from None
    except (ValueError, KeyError, TypeError):
        raise NoCredentials(f"{path} is damaged.", "Delete it and run `make up`: a new key is made.") from None

"""Where the API is and with which key: the environment first, then a sign-in (`brightrun login`), then what the stack
on this machine has written."""

import json
import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from brightrun.errors import NoCredentials

FILE = Path(".data") / "credentials.json"
_NO_KEY_FIX = (
    "Run `make up` in the project's folder, sign in (brightrun login --url URL), or set BRIGHTRUN_URL and "
    "BRIGHTRUN_API_KEY to an API and a key of yours."
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


def replace_stored_key(before: str, key: str) -> Path | None:
    """In the file that the stack on this machine has written, where it holds the key before. Never readable by others,
    not even for a moment."""
    path = data_folder() / "credentials.json"
    try:
        document = json.loads(path.read_text())
        if document.get("api_key") != before:
            return None
    except (OSError, ValueError, AttributeError):
        return None
    _write(path, document | {"api_key": key})
    return path


def _write(path: Path, document: dict[str, str]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(handle, "w") as file:
        json.dump(document, file, indent=2)
    os.replace(name, path)


def login_file() -> Path:
    """Where `brightrun login` keeps the session, for this user alone."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "brightrun" / "login.json"


def remember_login(credentials: Credentials, expires_at: str) -> Path:
    """Never readable by others, not even for a moment."""
    path = login_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, {"url": credentials.url, "token": credentials.api_key, "expires_at": expires_at})
    return path


def forget_login() -> Credentials | None:
    """What was remembered, once."""
    found = _login()
    login_file().unlink(missing_ok=True)
    return found


def _login() -> Credentials | None:
    """None where nobody is signed in, and once the session is over."""
    path = login_file()
    try:
        document = json.loads(path.read_text())
        is_over = datetime.fromisoformat(document["expires_at"]) <= datetime.now(UTC)
        return None if is_over else Credentials(document["url"].rstrip("/"), document["token"], str(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def find_credentials() -> Credentials:
    """Raises NoCredentials."""
    url, key = os.environ.get("BRIGHTRUN_URL", ""), os.environ.get("BRIGHTRUN_API_KEY", "")
    if url and key:
        return Credentials(url.rstrip("/"), key)
    # A token is sent nowhere else than to where it came from.
    if not key and (signed_in := _login()) and url.rstrip("/") in ("", signed_in.url):
        return signed_in
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

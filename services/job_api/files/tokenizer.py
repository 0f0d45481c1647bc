"""The base model's tokenizer, where it lies on this machine; it is never downloaded here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from tokenizers import Tokenizer

from contracts.chat.encoding import Encoding
from contracts.hub_names import split_revision

TOKENIZER_FILE = "tokenizer.json"
_lock = Lock()


@dataclass(frozen=True)
class BaseTokenizer:
    """`name` is the base model as jobs name it."""

    name: str
    tokenizer: Tokenizer


FindTokenizer = Callable[[str], BaseTokenizer | None]


def find_tokenizer(base_model: str) -> BaseTokenizer | None:
    """The tokenizer of a model folder, or of a hub id that is in the local hub cache; None where there is none.

    Another model's tokenizer is never taken instead: its counts would look exact and be wrong. Reads up to some
    10 MB, so call it in a thread.
    """
    path = _path(base_model)
    if path is None:
        return None
    with _lock:
        return BaseTokenizer(base_model, _read(path, path.stat().st_mtime_ns))


def _path(base_model: str) -> Path | None:
    local = Path(base_model) / TOKENIZER_FILE
    if local.is_file():
        return local
    repository, revision = split_revision(base_model)
    if Path(base_model).is_absolute() or repository.count("/") != 1:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(repository, TOKENIZER_FILE, revision=revision)
    except HFValidationError:
        return None
    return Path(cached) if isinstance(cached, str) else None


@lru_cache(maxsize=2)
def _read(path: Path, _changed_at: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


class LastEncoding:
    """Remembers the newest encoding: a conversation is counted and then marked, and tokenized once for both."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._text: str | None = None
        self._encoding: Encoding | None = None

    def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Encoding:
        if self._encoding is None or sequence != self._text or add_special_tokens:
            self._text = None if add_special_tokens else sequence
            self._encoding = self._tokenizer.encode(sequence, add_special_tokens=add_special_tokens)
        return self._encoding

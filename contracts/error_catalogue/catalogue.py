"""The whole catalogue, and which entry an error is."""

import re

from contracts.error_catalogue import infrastructure, platform, user
from contracts.error_catalogue.codes import ErrorCode
from contracts.error_catalogue.entry import CatalogueEntry
from contracts.error_taxonomy import TrainingErrorType

CATALOGUE: dict[ErrorCode, CatalogueEntry] = {
    entry.code: entry for entry in (*user.ENTRIES, *infrastructure.ENTRIES, *platform.ENTRIES)
}

# What an event of an older release means, which names only the type.
_BY_TYPE: dict[TrainingErrorType, ErrorCode] = {
    TrainingErrorType.OUT_OF_MEMORY: ErrorCode.GPU_OUT_OF_MEMORY,
    TrainingErrorType.DATASET: ErrorCode.DATASET_FORMAT,
    TrainingErrorType.TIMEOUT: ErrorCode.TIME_LIMIT,
    TrainingErrorType.NETWORK: ErrorCode.NETWORK_LOST,
    TrainingErrorType.MODEL_ACCESS: ErrorCode.MODEL_NOT_USABLE,
    TrainingErrorType.PROVISIONING: ErrorCode.PROVISIONING_TIMEOUT,
    TrainingErrorType.BUDGET: ErrorCode.BUDGET_STOP,
    TrainingErrorType.DIVERGED: ErrorCode.LOSS_NOT_FINITE,
    TrainingErrorType.STORAGE: ErrorCode.STORAGE_REFUSED,
    TrainingErrorType.UNKNOWN: ErrorCode.UNKNOWN,
}
_PATTERNS = [(entry, re.compile(pattern, re.IGNORECASE)) for entry in CATALOGUE.values() for pattern in entry.patterns]
_LOOKED_AT = 2000


def entry_of(error_type: TrainingErrorType, code: str | None = None, message: str = "") -> CatalogueEntry:
    """The entry that was named; without one (or with one of a newer release) what the text says, else the type's."""
    if code in CATALOGUE:
        return CATALOGUE[ErrorCode(code)]
    found = recognised(message)
    if found is not None and error_type in (TrainingErrorType.UNKNOWN, found.error_type):
        return found
    return CATALOGUE[_BY_TYPE[error_type]]


def recognised(text: str) -> CatalogueEntry | None:
    """The failure that a text tells of, by its words: only for what nobody told apart by its type."""
    return next((entry for entry, pattern in _PATTERNS if pattern.search(text[:_LOOKED_AT])), None)

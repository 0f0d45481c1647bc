"""What the hub's client raises, as one of our errors: by type and status, never by text."""

from collections.abc import Iterator

import httpx
import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)

from trainer_image.errors import HubUnavailable, ModelAccessError, ModelAccessRefused, TrainerError

# transformers has its own version of the client library, and raises its errors.
_CONNECTION_ERRORS = (httpx.TransportError, httpx2.TransportError, XetDownloadError, ConnectionError, TimeoutError)
_PASSING_STATUSES = (408, 425, 429)


def explain(base_model: str, error: BaseException) -> TrainerError | None:
    """HubUnavailable for what passes (timeouts, lost connections, 408, 425, 429, 5xx), ModelAccessError for what
    stays; None for an error that is not the hub's. The first cause in the chain that says something decides."""
    for cause in causes(error):
        if (known := _explained(base_model, cause)) is not None:
            return known
    if isinstance(error, LocalEntryNotFoundError):
        return HubUnavailable(f"{base_model} is not in the model cache and the hub cannot be reached.",
                              base_model=base_model)
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _explained(base_model: str, error: BaseException) -> TrainerError | None:
    if (sentence := _lasting(base_model, error)) is not None:
        refused = isinstance(error, GatedRepoError | RepositoryNotFoundError)
        return (ModelAccessRefused if refused else ModelAccessError)(sentence, base_model=base_model)
    if isinstance(error, HfHubHTTPError):
        return _by_status(base_model, error.response.status_code)
    if isinstance(error, _CONNECTION_ERRORS):
        return HubUnavailable(f"The connection to the hub was lost while {base_model} was loaded "
                              f"({type(error).__name__}).", base_model=base_model)
    return None


def _lasting(base_model: str, error: BaseException) -> str | None:
    """Subclasses before their parents."""
    match error:
        case OfflineModeIsEnabled():
            return f"{base_model} is not in the model cache, and HF_HUB_OFFLINE forbids to ask the hub."
        case GatedRepoError():
            return f"{base_model} is gated: its owner must grant your hub account access, and HF_TOKEN must be set."
        case DisabledRepoError():
            return f"The hub has disabled {base_model}."
        case RepositoryNotFoundError():
            return (f"The hub shows no model {base_model} to this account: the name is wrong, or the model is private "
                    "and HF_TOKEN is missing or may not read it.")
        case RevisionNotFoundError():
            return f"The hub has no such revision: {base_model}."
        case EntryNotFoundError() if not isinstance(error, LocalEntryNotFoundError):
            return f"{base_model} lacks a file that a model has to have."
        case HFValidationError():
            return f"{base_model} is neither a folder here nor a hub id such as org/name or org/name@revision."
    return None


def _by_status(base_model: str, status: int) -> TrainerError:
    if status >= 500 or status in _PASSING_STATUSES:
        return HubUnavailable(f"The hub answered {status} while {base_model} was loaded.", base_model=base_model,
                              hub_status=status)
    if status == 401:
        return ModelAccessRefused(f"The hub refused the token for {base_model} (401): HF_TOKEN is missing, wrong or "
                                  "expired.", base_model=base_model, hub_status=status)
    return ModelAccessRefused(f"The hub refused {base_model} ({status}): the token may lack the right to read it.",
                              base_model=base_model, hub_status=status)

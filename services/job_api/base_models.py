"""Base models as they are shown. Jobs store what the trainer loads: a hub id, or a folder of this installation, whose
place on the server is nobody's business."""

from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any, TypeVar

from contracts.envelope import EventData

DataT = TypeVar("DataT", bound=EventData)
_FIELD = "base_model"


def shown_base_model(stored: str) -> str:
    """A hub id as it is, of a folder its name."""
    path = PureWindowsPath(stored)  # takes both kinds of separators
    is_folder = bool(path.anchor) or stored.startswith((".", "~")) or len(path.parts) > 2
    return path.name or stored if is_folder else stored


def with_shown_base_models(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which every `base_model`, however deep, is one that may be shown."""
    return {name: _shown(name, value) for name, value in document.items()}


def without_folder(data: DataT, base_model: str) -> DataT:
    """The event as it may be told: where a trainer names the folder of its base model, its name."""
    shown = shown_base_model(base_model)
    if shown == base_model:
        return data
    values = {name: value for name, value in data if type(value) is str or isinstance(value, dict)}
    return data.model_copy(update={name: _replaced(value, base_model, shown) for name, value in values.items()})


def _replaced(value: Any, folder: str, shown: str) -> Any:
    if type(value) is str:
        return value.replace(folder, shown)
    if isinstance(value, dict):
        return {name: _replaced(item, folder, shown) for name, item in value.items()}
    return value


def _shown(name: str, value: Any) -> Any:
    if name == _FIELD and isinstance(value, str):
        return shown_base_model(value)
    return with_shown_base_models(value) if isinstance(value, dict) else value

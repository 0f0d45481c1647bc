"""Every way to fail: who must act, what it means, what to change. Data, refined from `contracts.error_taxonomy`."""

from contracts.error_catalogue.catalogue import CATALOGUE, entry_of, recognised
from contracts.error_catalogue.codes import ErrorCode
from contracts.error_catalogue.edits import ChangeRule, Edit, Remedy, SuggestedEdit
from contracts.error_catalogue.entry import ERROR_PAGE, CatalogueEntry
from contracts.error_catalogue.sentences import kept_facts, places

__all__ = [
    "CATALOGUE",
    "ERROR_PAGE",
    "CatalogueEntry",
    "ChangeRule",
    "Edit",
    "ErrorCode",
    "Remedy",
    "SuggestedEdit",
    "entry_of",
    "kept_facts",
    "places",
    "recognised",
]

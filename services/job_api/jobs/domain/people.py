"""Who is named in words. Events, the log and reasons hold ids; people read names, of those who are members now."""

import re
from collections.abc import Iterable, Mapping
from uuid import UUID

FORMER = "a former member"
_OF_OUR_USERS = 7  # the version of their ids; ids that other issuers give have others, or are no UUIDs
_ID = r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
# "Paused by ...; its machine", "Start requested by ...: the cost", "recovering: ... chose spot".
_NAMED = re.compile(rf"(?<=\bby ){_ID}(?=[.;:, ]|$)|(?:(?<=^)|(?<=: )){_ID}(?= (?:changed|chose) )")


def subjects_in(texts: Iterable[str]) -> frozenset[str]:
    """Ids of whoever these texts name."""
    return frozenset(found.group(0) for text in texts for found in _NAMED.finditer(text))


def with_names(text: str, names: Mapping[str, str]) -> str:
    """`names`: of members, by id. Who was never a user of ours stays as they are called."""
    return _NAMED.sub(lambda found: _called(found.group(0), names, begins=found.start() == 0), text)


def _called(subject: str, names: Mapping[str, str], *, begins: bool) -> str:
    if subject in names:
        return names[subject]
    if UUID(subject).version != _OF_OUR_USERS:
        return subject
    return FORMER.capitalize() if begins else FORMER

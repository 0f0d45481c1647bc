"""Finds text that speaks of suicide or self-harm."""

from __future__ import annotations

import re

CRISIS = re.compile(
    r"suicid|self[- ]?harm|\bkill(?:ing)? (?:myself|himself|herself|themselves)\b"
    r"|\bend(?:ing)? (?:my|my own) life\b|\bend(?:ing)? it all\b|\b(?:hurt|harm|cut)(?:ing|ting)? myself\b"
    r"|\bbetter off (?:without me|dead)\b|\b(?:want|wanted|wanting) to die\b"
    r"|\b(?:call|text|dial)\w*(?: or text)? 988\b|\b988 (?:suicide|lifeline|crisis)|\bcrisis (?:life)?line\b"
    r"|\b(?:no|any) reason to (?:live|go on)\b|\bdon'?t want to (?:be alive|live any ?more)\b",
    re.IGNORECASE,
)
STEMS = (
    "suicid", "harm", "kill", "my life", "own life", "it all", "myself", "better off", "to die", "988", "crisis ",
    "reason to", "be alive", "live any",
)  # fmt: skip
"""Every match of CRISIS holds one of these in lower case. They are found at 100 MB/s, CRISIS itself at 4 MB/s."""

SPAN = 100  # characters that one search around a stem covers
REACH = 40  # a match begins and ends this near to its stem, but for one long word at its beginning


def speaks_of_crisis(text: str) -> bool:
    """Whether CRISIS matches anywhere. It is searched for around its stems; at worst through three times the text."""
    lowered = lower(text)
    searched = 0
    for stem in STEMS:
        at = lowered.find(stem)
        while at >= 0:
            start, end = max(0, lowered.rfind(" ", 0, max(0, at - REACH))), at + SPAN
            if CRISIS.search(text, start, end + REACH):
                return True
            searched += end + REACH - start
            if searched > len(text):
                return CRISIS.search(text) is not None
            at = lowered.find(stem, end)
    return False


def lower(text: str) -> str:
    """As long as `text`, and with every letter in ASCII that IGNORECASE takes for it: long s, dotted and dotless i.

    The Kelvin sign becomes k in both.
    """
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").replace("\u0131", "i").replace("\u017f", "s").lower()

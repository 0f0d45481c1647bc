"""Whether the installation has a sign-in with an identity provider: asked of the API, and remembered for a while."""

import time

from brightrun import sign_in
from brightrun.errors import BrightrunError

_REMEMBERED_S = 300.0


class OidcOffer:
    """One for the process. Asking begins a sign-in that nobody ends, so it is not done for every page."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, bool]] = {}

    def is_there(self, api_url: str, redirect_uri: str) -> bool:
        until, answer = self._known.get(redirect_uri, (0.0, False))
        if time.monotonic() < until:
            return answer
        try:
            sign_in.check(sign_in.begin(api_url, redirect_uri))
            answer = True
        except BrightrunError:
            answer = False
        if len(self._known) > 100:  # addresses are callers' words where none is set
            self._known.clear()
        self._known[redirect_uri] = time.monotonic() + _REMEMBERED_S, answer
        return answer

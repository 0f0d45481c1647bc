"""What may be spent and what an hour costs, as methods."""

from typing import Any

from brightrun.calls import ROOT, Calls


class Money(Calls):
    """Methods of `brightrun.client.Client`."""

    def budget(self) -> dict[str, Any]:
        """This month's limit, and what was spent and reserved of it."""
        return dict(self.http.json("GET", f"{ROOT}/budget"))

    def set_budget(self, limit: float | str) -> dict[str, Any]:
        """US dollars for every calendar month from this one on (owners and admins)."""
        return dict(self.http.json("PUT", f"{ROOT}/budget", json={"limit": limit}))

    def rates(self) -> list[dict[str, Any]]:
        """What an hour of each GPU costs."""
        return list(self.http.json("GET", f"{ROOT}/rates")["data"])

    def set_rate(self, gpu_type: str, tier: str, per_hour: float | str) -> dict[str, Any]:
        """US dollars for an hour, for the whole installation from now on (operators)."""
        body = {"gpu_type": gpu_type, "gpu_pricing_tier": tier, "per_hour": per_hour}
        return dict(self.http.json("PUT", f"{ROOT}/rates", json=body))

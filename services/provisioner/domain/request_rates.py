"""A pod's share of requests: a token bucket for each job and method."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from services.provisioner.domain.errors import RateLimited


@dataclass(frozen=True)
class Rate:
    """`burst` at once, then `per_s` each second."""

    burst: float
    per_s: float


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class RequestRates:
    """Of one replica. A job that has not asked for long is forgotten, which fills its bucket."""

    def __init__(self, rates: Mapping[str, Rate], *, most_keys: int = 20_000) -> None:
        self._rates, self._most_keys = rates, most_keys
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def spend(self, method: str, job_id: str, cost: int, now_s: float) -> None:
        """Take `cost` of the job's share. Raises RateLimited, and then takes nothing."""
        rate = self._rates[method]
        bucket = self._filled(method, job_id, rate, now_s)
        if bucket.tokens < cost:
            raise RateLimited(method, (min(cost, rate.burst) - bucket.tokens) / rate.per_s)
        bucket.tokens -= cost

    def _filled(self, method: str, job_id: str, rate: Rate, now_s: float) -> _Bucket:
        bucket = self._buckets.setdefault((method, job_id), _Bucket(rate.burst, now_s))
        self._buckets.move_to_end((method, job_id))
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        bucket.tokens = min(rate.burst, bucket.tokens + (now_s - bucket.filled_at) * rate.per_s)
        bucket.filled_at = now_s
        return bucket

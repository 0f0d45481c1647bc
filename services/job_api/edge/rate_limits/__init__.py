"""How much one key, one workspace and one address may ask, counted in Valkey for all replicas together.

Decision 110. Nothing set for Valkey, or `BRIGHTRUN_RATE_LIMITS=false`: no limits. While Valkey is away requests go
through, and `brightrun_rate_limit_unavailable_total` counts them.
"""

from services.job_api.edge.rate_limits.counters import Counters
from services.job_api.edge.rate_limits.limiter import RateLimiter, by_address
from services.job_api.edge.rate_limits.policies import Policies, Quota

__all__ = ["Counters", "Policies", "Quota", "RateLimiter", "by_address"]

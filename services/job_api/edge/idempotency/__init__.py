"""`Idempotency-Key`: a repeated POST has one effect and one answer, for 24 hours.

What is guaranteed, for requests of one caller with the same key, method and path:

* While a request is being executed nobody else executes it; the others get a 409 that may be retried.
* After a success (2xx, 3xx) the stored response is replayed (`Idempotent-Replayed: true`); another body is refused
  with a permanent 409. A refused or failed request (4xx, 5xx) is not stored: the key can be used again.
* A route that calls `await record.store(tx, status, document)` in the transaction of its effect has *exactly one*
  effect, whatever crashes: effect and response become visible together, and a request that lost its claim
  (stopped for longer than the lease) fails there and rolls back.
* A route that does not has at least one: after a crash between its commit and the response, a retry runs it again.
* A crash blocks nobody for longer than the lease (30 s, renewed while the request runs).
"""

from services.job_api.edge.idempotency.claims import Claims
from services.job_api.edge.idempotency.middleware import IdempotencyMiddleware, install
from services.job_api.edge.idempotency.record import IdempotencyRecord, WithRecord, idempotency_record
from services.job_api.edge.idempotency.table import idempotency_table

__all__ = [
    "Claims",
    "IdempotencyMiddleware",
    "IdempotencyRecord",
    "WithRecord",
    "idempotency_record",
    "idempotency_table",
    "install",
]

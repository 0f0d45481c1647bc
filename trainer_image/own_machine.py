"""A rented machine ends with its trainer only if somebody deletes it: where nobody else is left, the pod does.

RunPod gives every pod its id and a key for itself. The provider says in `BRIGHTRUN_RUNPOD_URL` whom to ask.
"""

import logging
import os
from collections.abc import Mapping

import httpx

_log = logging.getLogger(__name__)
_TIMEOUT_S = 10.0


def delete_own_machine(variables: Mapping[str, str] = os.environ) -> bool:
    """Whether the provider was asked and agreed. Never raises: what fails here is left to the provisioner's reaper."""
    url, pod_id, key = (variables.get(name, "") for name in ("BRIGHTRUN_RUNPOD_URL", "RUNPOD_POD_ID", "RUNPOD_API_KEY"))
    if not (url and pod_id and key):
        return False
    try:
        answer = httpx.delete(f"{url}/v2/pods/{pod_id}", headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        _log.warning("this machine could not be deleted: %s", type(error).__name__)
        return False
    _log.warning("asked the provider to delete this machine: %s", answer.status_code)
    return answer.is_success

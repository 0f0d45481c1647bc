"""Makes the buckets that are missing, with plain S3: a PUT of the bucket, signed like any object's."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import httpx
import obstore
from obstore.store import S3Store

from chassis.settings import ServiceSettings
from chassis.tls import also_believing
from chassis.waiting import NotThereYet

# us-east-1 is where a bucket lies that names no region, and the one region that S3 refuses to be told.
_NAMELESS_REGION = "us-east-1"


class BucketRefused(Exception):
    """The storage answers and does not make the bucket; the text has its words."""


async def ensure_buckets(settings: ServiceSettings, buckets: Sequence[str]) -> list[str]:
    """Those that were made now. Raises NotThereYet while the storage does not answer, BucketRefused when it refuses."""
    async with httpx.AsyncClient(timeout=10, verify=also_believing(settings.s3_tls_ca)) as http:
        return [bucket for bucket in buckets if await _ensure(http, settings, bucket)]


async def _ensure(http: httpx.AsyncClient, settings: ServiceSettings, bucket: str) -> bool:
    if (await _ask(http, settings, "HEAD", bucket)).is_success:
        return False
    answer = await _ask(http, settings, "PUT", bucket, _where(settings.s3_region))
    if not answer.is_success:
        raise BucketRefused(f"S3 at {settings.s3_endpoint} refuses to make the bucket {bucket}: "
                            f"HTTP {answer.status_code} {answer.text[:500]}")
    return True


async def _ask(
    http: httpx.AsyncClient, settings: ServiceSettings, method: Literal["HEAD", "PUT"], bucket: str, body: str = ""
) -> httpx.Response:
    try:
        answer = await http.request(method, await _signed(settings, method, bucket), content=body)
    except httpx.HTTPError as error:
        raise NotThereYet(f"S3 does not answer at {settings.s3_endpoint}: {error!r}") from None
    if answer.status_code >= 500:
        raise NotThereYet(f"S3 at {settings.s3_endpoint} is not ready: HTTP {answer.status_code}")
    return answer


async def _signed(settings: ServiceSettings, method: Literal["HEAD", "PUT"], bucket: str) -> str:
    store = S3Store(
        bucket, endpoint=settings.s3_endpoint, region=settings.s3_region, access_key_id=settings.s3_access_key,
        secret_access_key=settings.s3_secret_key.get_secret_value(), virtual_hosted_style_request=False,
        client_options={"allow_http": settings.s3_endpoint.startswith("http://")},
    )
    return await obstore.sign_async(store, method, "", timedelta(seconds=60))


def _where(region: str) -> str:
    if region == _NAMELESS_REGION:
        return ""
    return f"<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"


"""`python -m chassis.buckets [--wait SECONDS]`: make the buckets that are missing at BRIGHTRUN_S3_ENDPOINT.

Exit status: 0 they are there, 75 the storage was not there within `--wait` seconds, 1 it refuses. Not run where others
make the buckets (a cloud's S3 with narrow keys).
"""

import argparse

from chassis.objects.buckets import BucketRefused, ensure_buckets
from chassis.settings import StorageSettings
from chassis.waiting import run_job, until_there
from contracts.buckets import BUCKETS


async def _make(wait_s: float) -> None:
    settings = StorageSettings(service_name="buckets")
    if not settings.s3_endpoint:
        raise SystemExit("BRIGHTRUN_S3_ENDPOINT is empty: name the S3 endpoint (https://...).")
    try:
        made = await until_there(lambda: ensure_buckets(settings, BUCKETS), wait_s)
    except BucketRefused as error:
        raise SystemExit(str(error)) from None
    for bucket in BUCKETS:
        print(f"{bucket}: {'made' if bucket in made else 'is there'}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chassis.buckets", description=__doc__)
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args()
    run_job(_make(options.wait), options.wait)


if __name__ == "__main__":
    main()

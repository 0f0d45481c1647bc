"""Closed-loop load on one address: `wrk` where it is installed, otherwise `python -m benchmarks.hot_reads.load`.

Always a process of its own. Any answer that is not a 200 ends the measurement.
"""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from urllib.parse import urlsplit

CONNECTIONS = 8


def requests_per_s(url: str, authorization: str, seconds: float, cores: set[int]) -> float:
    """Answers per second over `CONNECTIONS` kept-alive connections. Raises RuntimeError."""
    pinned = ["taskset", "-c", ",".join(map(str, sorted(cores)))] if shutil.which("taskset") else []
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-H", f"Authorization: {authorization}", url]
    own = [sys.executable, "-m", "benchmarks.hot_reads.load", url, authorization, str(seconds)]
    command = [*pinned, *(wrk if shutil.which("wrk") else own)]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if done.returncode != 0 or found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"load on {url} failed:\n{done.stdout}\n{done.stderr}")
    return float(found.group(1))


async def _load(url: str, authorization: str, seconds: float) -> float:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: {authorization}\r\n\r\n".encode()
    end = time.perf_counter() + seconds
    counts = await asyncio.gather(*(_ask(str(parts.hostname), parts.port, request, end) for _ in range(CONNECTIONS)))
    return sum(counts) / seconds


async def _ask(host: str, port: int | None, request: bytes, end: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    answered = 0
    while time.perf_counter() < end:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head.decode())
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        answered += 1
    writer.close()
    return answered


if __name__ == "__main__":
    print(f"Requests/sec: {asyncio.run(_load(sys.argv[1], sys.argv[2], float(sys.argv[3]))):.1f}")

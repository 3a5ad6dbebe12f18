"""What the gateway costs over a bare FastAPI route that reads one row: `make bench-gateway`.

Everything is measured in one session on one machine, in turn: the bare route; the same read as a route of the gateway
(credential verified, limit counted, headers set); a graph read; an execution started. With one connection for latency
and with several for throughput, on one and on four server processes that share a listening socket.
"""

import argparse
import asyncio
import os
import socket
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import jwt
from httpx2 import AsyncClient

from bench.report import leave, print_json, print_table
from bench.stack import ROOT, BenchStack, fresh_stack

CONNECTIONS: Final = 16
WORKERS: Final = (1, 4)
READY_SECONDS: Final = 60


@dataclass(frozen=True)
class Caller:
    """A user with a key and a graph: limits are per key, so each connection has its own."""

    user_id: str
    key: str
    graph_id: str


@dataclass(frozen=True)
class Target:
    name: str
    server: str
    method: str
    path: str
    """With the fields of `Caller` in braces."""
    requests: int
    """On one connection; several share them."""


TARGETS: Final = (
    Target("bare route, one read", "bare", "GET", "/read/{user_id}", 2000),
    Target("gateway, one read", "product", "GET", "/api/bench-read/{user_id}", 2000),
    Target("GET graph", "product", "GET", "/api/graphs/{graph_id}", 1000),
    Target("POST execute", "product", "POST", "/api/graphs/{graph_id}/execute", 100),
)


async def prepare(stack: BenchStack) -> list[Caller]:
    callers: list[Caller] = []
    body = {"name": "Bench", "description": "", "nodes": [_node()], "links": []}
    async with AsyncClient(base_url=stack.running.gateway_url, timeout=60) as http:
        for number in range(CONNECTIONS):
            user_id = f"bench-{number}"
            headers = {"Authorization": f"Bearer {_token(stack.environment['JWT_VERIFY_KEY'], user_id)}"}
            made = (await http.post("/api/api-keys", json={"name": "Bench"}, headers=headers)).raise_for_status().json()
            graph = (await http.post("/api/graphs", json=body, headers=headers)).raise_for_status().json()
            callers.append(Caller(user_id, made["plain_text_key"], graph["id"]))
    return callers


def _token(key: str, user_id: str) -> str:
    expires = int(time.time()) + 3600
    claims = {"sub": user_id, "email": f"{user_id}@example.com", "aud": "authenticated", "exp": expires}
    return jwt.encode(claims, key, algorithm="HS256")


def _node() -> dict[str, Any]:
    return {"id": "in", "block_id": "text_input_block", "input_default": {}, "metadata": {}}


class Connection:
    """One kept-alive connection that asks for one thing again and again; cheaper than any client library."""

    def __init__(self, port: int, target: Target, caller: Caller) -> None:
        self._port = port
        path = target.path.format(**vars(caller))
        body = b"{}" if target.method == "POST" else b""
        head = (
            f"{target.method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {caller.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self.seconds: list[float] = []

    async def run(self, requests: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for _ in range(requests):
            started = time.perf_counter()
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            self.seconds.append(time.perf_counter() - started)
            assert head.startswith(b"HTTP/1.1 200 "), head
        writer.close()


def _length(head: bytes) -> int:
    at = head.lower().index(b"content-length:") + len(b"content-length:")
    return int(head[at : head.index(b"\r\n", at)])


async def measure(port: int, target: Target, callers: list[Caller], *, scale: float) -> dict[str, float]:
    requests = max(10, round(target.requests * scale / len(callers)))
    connections = [Connection(port, target, caller) for caller in callers]
    started = time.perf_counter()
    await asyncio.gather(*(connection.run(requests) for connection in connections))
    elapsed = time.perf_counter() - started
    seconds = sorted(second for connection in connections for second in connection.seconds)
    return {
        "requests_per_second": round(len(seconds) / elapsed, 1),
        **{f"p{part}_ms": round(1000 * seconds[int(len(seconds) * part / 100)], 2) for part in (50, 95, 99)},
    }


@asynccontextmanager
async def servers(kind: str, workers: int, environment: Mapping[str, str]) -> AsyncGenerator[int]:
    """The port on which so many processes of a kind answer."""
    shared = socket.socket()
    shared.bind(("127.0.0.1", 0))
    shared.listen(512)
    port = shared.getsockname()[1]
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.gateway_server", kind, str(shared.fileno())),
            env={**os.environ, **environment, "LOG_LEVEL": "WARNING", "PYTHONPATH": str(ROOT)},
            pass_fds=[shared.fileno()],
        )
        for _ in range(workers)
    ]
    shared.close()
    try:
        await _until_ready(port, workers)
        yield port
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(process.wait() for process in processes))


async def _until_ready(port: int, workers: int) -> None:
    """Each of the processes takes connections as it starts: so many at once that all have answered."""
    deadline = time.monotonic() + READY_SECONDS
    async with AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=READY_SECONDS) as http:
        for _ in range(10 * workers):
            await asyncio.gather(*(http.get("/health") for _ in range(8)))
            assert time.monotonic() < deadline


async def bench(*, rounds: int, scale: float) -> list[dict[str, Any]]:
    async with fresh_stack() as stack:
        return await compare(await prepare(stack), stack.environment, rounds=rounds, scale=scale)


async def compare(
    callers: list[Caller], environment: Mapping[str, str], *, rounds: int, scale: float
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for workers in WORKERS:
        async with (
            servers("bare", workers, environment) as bare,
            servers("product", workers, environment) as product,
        ):
            ports = {"bare": bare, "product": product}
            for chosen in (callers[:1], callers):
                found: dict[str, list[dict[str, float]]] = {target.name: [] for target in TARGETS}
                for measured in range(rounds + 1):
                    for target in TARGETS:
                        result = await measure(ports[target.server], target, chosen, scale=scale if measured else 0.1)
                        if measured:
                            found[target.name].append(result)
                for name, results in found.items():
                    medians = {key: statistics.median(result[key] for result in results) for key in results[0]}
                    rows.append({"target": name, "workers": workers, "connections": len(chosen), **medians})
                    sys.stderr.write(f"{rows[-1]}\n")
    return rows


def overhead_ms(rows: list[dict[str, Any]]) -> float:
    """What credential and limit add to the median of one read, on one process and one connection."""
    p50 = {row["target"]: row["p50_ms"] for row in rows if (row["workers"], row["connections"]) == (1, 1)}
    return round(p50["gateway, one read"] - p50["bare route, one read"], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds; the figures are their medians")
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer requests per round")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = asyncio.run(bench(rounds=arguments.rounds, scale=arguments.scale))
    if arguments.json:
        print_json({"overhead_p50_ms": overhead_ms(rows), "rows": rows})
    else:
        print_table(rows)
        sys.stdout.write(f"credential and limit add {overhead_ms(rows)} ms to the median of one read\n")
    leave()


if __name__ == "__main__":
    main()

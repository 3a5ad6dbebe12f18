"""An OpenAI-compatible chat server for tests, in this process, on a free loopback port.

    from tests.llm_server import LLMServer, llm_endpoint, llm_server  # fixtures, for a conftest.py

    async def test_it(llm_server: LLMServer) -> None:
        llm_server.fail(429)
        ...  # OPENAI_BASE_URL is llm_server.base_url, any key will do

Without instructions it answers every prompt with `ECHO` and the prompt.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

import pytest
import pytest_asyncio

ECHO = "echo: "


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def prompt(self) -> str:
        """Text of the last message."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@dataclass(frozen=True)
class _Failure:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class _Drop:
    """Closes the connection instead of answering."""


class _Stall:
    """Keeps the connection open and never answers."""


Answer = Callable[[RecordedRequest], str | Awaitable[str]]


class LLMServer:
    """Use as an async context manager. What `fail`, `drop` and `stall` order is done once per request, in order."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self._orders: deque[_Failure | _Drop | _Stall] = deque()
        self._answer: Answer = _echo
        self._finish_reason = "stop"
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        """For OPENAI_BASE_URL."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def prompts(self) -> list[str]:
        return [request.prompt for request in self.requests]

    def reset(self) -> None:
        """Forgets requests and instructions."""
        self.requests.clear()
        self._orders.clear()
        self.answer_with(_echo)

    def answer_with(self, answer: Answer | str, *, finish_reason: str = "stop") -> None:
        """Answers from now on: a text, or a function of the request (async to make a request wait)."""
        self._answer = (lambda _: answer) if isinstance(answer, str) else answer
        self._finish_reason = finish_reason

    def fail(
        self,
        status: int,
        *,
        message: str = "ordered failure",
        code: str | None = None,
        headers: dict[str, str] | None = None,
        times: int = 1,
    ) -> None:
        """The next `times` requests get an error answer as OpenAI words it."""
        error = {"error": {"message": message, "type": "error", "param": None, "code": code}}
        self._orders.extend([_Failure(status, json.dumps(error).encode(), headers or {})] * times)

    def fail_with_body(self, status: int, body: bytes, *, headers: dict[str, str] | None = None) -> None:
        """The next request gets exactly this body, which need not be JSON."""
        self._orders.append(_Failure(status, body, headers or {}))

    def drop(self, *, times: int = 1) -> None:
        """The next `times` connections are closed when their request has arrived."""
        self._orders.extend([_Drop()] * times)

    def stall(self, *, times: int = 1) -> None:
        """The next `times` requests are never answered."""
        self._orders.extend([_Stall()] * times)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (request := await _read_request(reader)) is not None and await self._respond(request, writer):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _respond(self, request: RecordedRequest, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        self.requests.append(request)
        order = self._orders.popleft() if self._orders else None
        if isinstance(order, _Drop):
            return False
        if isinstance(order, _Stall):
            await asyncio.Event().wait()
        if isinstance(order, _Failure):
            await _write(writer, order.status, order.body, order.headers)
        elif request.method != "POST" or not request.path.endswith("/chat/completions"):
            await _write(writer, 404, b'{"error": {"message": "no such route"}}')
        else:
            answer = self._answer(request)
            text = answer if isinstance(answer, str) else await answer
            await _write(writer, 200, _completion(request, text, self._finish_reason))
        return True


def _echo(request: RecordedRequest) -> str:
    return ECHO + request.prompt


async def _read_request(reader: asyncio.StreamReader) -> RecordedRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ", 2)
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return RecordedRequest(method, path, headers, json.loads(body) if body else None)


async def _write(writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} {_phrase(status)}\r\n{head}\r\n".encode() + body)
    await writer.drain()


def _phrase(status: int) -> str:
    return next((known.phrase for known in HTTPStatus if known == status), "Unknown")


def _completion(request: RecordedRequest, text: str, finish_reason: str) -> bytes:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": len(request.prompt.split()), "completion_tokens": len(text.split()), "total_tokens": 0}
    return json.dumps(
        {
            "id": "chatcmpl-test",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": request.body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": usage,
        }
    ).encode()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def llm_endpoint() -> AsyncIterator[LLMServer]:
    """One server for the session, for long-lived processes that need a fixed address."""
    async with LLMServer() as server:
        yield server


@pytest.fixture
def llm_server(llm_endpoint: LLMServer) -> LLMServer:
    """The session's server without the requests and instructions of earlier tests."""
    llm_endpoint.reset()
    return llm_endpoint

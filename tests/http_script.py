"""A gateway that answers what a test has written down, to see what a client sends and how it takes trouble."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Scripted:
    """One answer; `broken` closes the connection instead."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    broken: bool = False


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class HttpScript:
    """Answers in the order of the script; the last one goes on for ever."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []
        self._answers: list[Scripted] = []

    def answers(self, *answers: Scripted) -> None:
        self._answers = list(answers)

    def next_answer(self) -> Scripted:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@contextmanager
def http_script() -> Iterator[HttpScript]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            sent = Received(self.command, self.path, dict(self.headers), json.loads(text) if text else None)
            script.received.append(sent)
            scripted = script.next_answer()
            if scripted.broken:
                self.close_connection = True
                self.connection.close()
                return
            raw = scripted.body if isinstance(scripted.body, str) else json.dumps(scripted.body)
            self.send_response(scripted.status)
            for name, value in {"Content-Length": str(len(raw.encode())), **scripted.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script = HttpScript(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""The process that renders one template after the other for `infra.template_renderer`.

Frames on stdin and stdout: four bytes of length (big endian), then JSON. A request is
`[template, values, escape_html]`, an answer `["text", text]` or `["error", message]`. The process ends at the end of
stdin. It limits its own memory, and the kernel's alarm ends it when one rendering takes too long, whatever code it is
in and even if its parent is gone.
"""

import json
import resource
import signal
import sys
from typing import Any, BinaryIO

from activities.templates import TemplateError, render


def main() -> None:
    time_limit_seconds, memory_limit_bytes = float(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while (request := _read(requests)) is not None:
        signal.setitimer(signal.ITIMER_REAL, time_limit_seconds)
        answer = _answer(request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(len(answer).to_bytes(4, "big") + answer)
        answers.flush()


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def _answer(request: bytes) -> bytes:
    template: str
    values: dict[str, Any]
    template, values, escape_html = json.loads(request)
    try:
        answer = ("text", render(template, values, escape_html=escape_html))
    except TemplateError as error:
        answer = ("error", error.message)
    return json.dumps(answer).encode()


if __name__ == "__main__":
    main()

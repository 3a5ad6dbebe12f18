"""Logging of every process: structlog in front, the standard library behind, one line per event on stderr.

Context that holds for a task (request id, execution id) is bound with `structlog.contextvars.bound_contextvars`; it
appears on every line below, those of libraries included. Secrets are masked on the way out.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import TextIO

import orjson
import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from infra.settings import AppSettings, Environment

MASK = "***"

_SECRET_KEYS = re.compile(
    r"(^|_)(password|passwd|secret|secrets|token|api_?key|apikey|authorization|cookie|credential|credentials"
    r"|private_key|verify_key|encryption_keys?)$",
    re.IGNORECASE,
)
_SECRET_TEXT = (
    (re.compile(r"\bagpt_[A-Za-z0-9_-]{16,}"), f"agpt_{MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"), f"sk-{MASK}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@", re.IGNORECASE), rf"\1:{MASK}@"),
)
_NOISY_LOGGERS = ("httpx", "httpx2", "httpcore", "asyncio", "alembic")


def configure_logging(settings: AppSettings, *, process: str, stream: TextIO | None = None) -> None:
    """Sets up logging for the whole process; a second call replaces the first.

    Args:
        process: "gateway", "worker" or "cli", on every line.
        stream: where lines go; stderr by default, because stdout carries results.
    """
    target = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.CallsiteParameterAdder(
            {
                structlog.processors.CallsiteParameter.MODULE,
                structlog.processors.CallsiteParameter.FUNC_NAME,
                structlog.processors.CallsiteParameter.LINENO,
            }
        ),
        _add_process(process),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings, target)],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    handler.addFilter(_hide_temporal_exceptions)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redact(value: object) -> object:
    """The value with secrets masked: by the names of keys, and by the shape of known secrets in text."""
    if isinstance(value, (SecretStr, SecretBytes)):
        return MASK
    if isinstance(value, str):
        for pattern, replacement in _SECRET_TEXT:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(key) and item else redact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item) for item in value]
    return value


def _is_secret(key: object) -> bool:
    return isinstance(key, str) and _SECRET_KEYS.search(key) is not None


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: MASK if _is_secret(key) and value else redact(value) for key, value in event.items()}


def _add_process(process: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        # uvicorn repeats its message here, with terminal codes.
        event.pop("color_message", None)
        return event

    return add


def _hide_temporal_exceptions(record: logging.LogRecord) -> bool:
    """Exceptions that pass through Temporal's loggers may quote inputs of users: their type and code remain."""
    if not record.name.startswith("temporalio"):
        return True
    if isinstance(record.args, tuple):
        record.args = tuple(_name_of(item) if isinstance(item, BaseException) else item for item in record.args)
    if record.exc_info and record.exc_info[1] is not None:
        record.msg = f"{record.getMessage()} ({_name_of(record.exc_info[1])})"
        record.args = None
    record.exc_info = None
    record.exc_text = None
    return True


def _name_of(error: BaseException) -> str:
    code = getattr(error, "code", None) or getattr(error, "type", None)
    name = type(error).__name__
    return f"{name}: {code}" if isinstance(code, str) else name


def _rename_for_json(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for old, new in (("event", "message"), ("func_name", "function"), ("lineno", "line")):
        if old in event:
            event[new] = event.pop(old)
    return event


def _drop_callsite(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in ("module", "func_name", "lineno"):
        event.pop(key, None)
    return event


def _to_json(value: object, **_options: object) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # lone surrogates and integers beyond 64 bits
        return json.dumps(value, default=str, skipkeys=True)


def _renderers(settings: AppSettings, target: TextIO) -> list[Processor]:
    chosen = settings.log_format
    if chosen == "auto":
        chosen = "json" if settings.environment == Environment.PRODUCTION else "structured"
    if chosen == "json":
        # The traceback becomes text before secrets are masked, so that its text is masked too.
        return [
            structlog.processors.format_exc_info,
            _rename_for_json,
            _redact_event,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    if chosen == "simple":
        return [
            _drop_callsite,
            structlog.processors.format_exc_info,
            _redact_event,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ]
    return [
        _drop_callsite,
        structlog.processors.format_exc_info,
        _redact_event,
        structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=0),
    ]

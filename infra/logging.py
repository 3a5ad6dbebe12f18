"""Logging of every process: structlog in front, the standard library behind, one line per event on stderr.

Context that holds for a task (request id, execution id) is bound with `structlog.contextvars.bound_contextvars`; it
appears on every line below, those of libraries included. Secrets are masked on the way out.
"""

import importlib
import json
import logging
import sys
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from infra.log_files import file_handlers, in_container
from infra.log_redaction import redact_event, strip_colors
from infra.settings import AppSettings, Environment

_NOISY_LOGGERS: Final = ("httpx", "httpx2", "httpcore", "asyncio", "alembic")

_log = structlog.get_logger(__name__)


def configure_logging(
    settings: AppSettings | None = None,
    *,
    process: str = "perdure",
    stream: TextIO | None = None,
    force_cloud_logging: bool = False,
) -> None:
    """Sets up logging for the whole process; a second call replaces the first. No log that cannot be kept is fatal.

    Args:
        settings: those of the environment by default.
        process: "gateway", "worker" or "cli", on every line.
        stream: where lines go; stderr by default, because stdout carries results.
        force_cloud_logging: also to Google Cloud, whatever the settings say.
    """
    settings = settings or AppSettings()
    target = stream or sys.stderr
    shared = _shared_processors(process)
    troubles: list[tuple[str, Exception]] = []
    console = logging.StreamHandler(target)
    console.setFormatter(_formatter(shared, _renderers(settings, target)))
    handlers: list[logging.Handler] = [console]
    if _wants_files(settings):
        try:
            files = file_handlers(settings.log_folder, level=logging.getLevelNamesMapping()[settings.log_level])
        except OSError as error:
            troubles.append(("logs are not written to files", error))
        else:
            handlers += files
            for handler in files:
                handler.setFormatter(_formatter(shared, _json_renderers()))
    if force_cloud_logging or settings.log_cloud:
        try:
            cloud = _cloud_handler()
        except Exception as error:  # whatever is wrong with it, the process does its work
            troubles.append(("logs are not sent to the cloud", error))
        else:
            cloud.setFormatter(_formatter(shared, _json_renderers()))
            handlers.append(cloud)
    root = logging.getLogger()
    for old in root.handlers:
        if isinstance(old, logging.FileHandler):
            old.close()
    root.handlers = handlers
    for handler in handlers:
        handler.addFilter(_hide_temporal_exceptions)
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
    for what, error in troubles:
        _log.warning(what, reason=f"{type(error).__name__}: {error}")


def _wants_files(settings: AppSettings) -> bool:
    return settings.log_files == "on" or (settings.log_files == "auto" and not in_container())


def _cloud_handler() -> logging.Handler:
    """Raises ImportError without the package, and whatever the package raises without an account."""
    library: Any = importlib.import_module("google.cloud.logging")
    handlers: Any = importlib.import_module("google.cloud.logging.handlers")
    return handlers.CloudLoggingHandler(library.Client(), name="perdure")


def _shared_processors(process: str) -> list[Processor]:
    return [
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


def _formatter(shared: list[Processor], renderers: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )


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


def _json_renderers() -> list[Processor]:
    # The traceback becomes text before secrets are masked, so that its text is masked too.
    return [
        structlog.processors.format_exc_info,
        _rename_for_json,
        redact_event,
        strip_colors,
        structlog.processors.JSONRenderer(serializer=_to_json),
    ]


def _renderers(settings: AppSettings, target: TextIO) -> list[Processor]:
    chosen = settings.log_format
    if chosen == "auto":
        chosen = "json" if settings.environment == Environment.PRODUCTION else "structured"
    if chosen == "json":
        return _json_renderers()
    common: list[Processor] = [_drop_callsite, structlog.processors.format_exc_info, redact_event]
    if chosen == "simple":
        return [
            *common,
            strip_colors,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ]
    return [*common, strip_colors, structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=0)]

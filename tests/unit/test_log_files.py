"""Log files: what goes where, rotation, and processes that share them."""

import io
import json
import logging
import multiprocessing
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from infra.log_files import BelowLevelFilter, JsonFileHandler, in_container
from infra.logging import configure_logging
from infra.settings import AppSettings


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Path]:
    """Logging at level DEBUG to files in this folder."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    settings = AppSettings.model_validate({"log_level": "DEBUG", "log_files": "on", "log_folder": tmp_path / "logs"})
    configure_logging(settings, process="test", stream=io.StringIO())
    yield tmp_path / "logs"
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def messages(path: Path) -> list[str]:
    return [json.loads(line)["message"] for line in path.read_text().splitlines()]


def test_each_file_has_its_levels(configured: Path) -> None:
    log = structlog.get_logger()
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    assert messages(configured / "activity.log") == ["info", "warning", "error"]
    assert messages(configured / "error.log") == ["error"]
    assert messages(configured / "debug.log") == ["debug"]


def test_lines_are_json_with_context_and_without_secrets(configured: Path) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", user_id="u-1"):
        try:
            raise ValueError("password=hunter2")
        except ValueError:
            structlog.get_logger("a.logger").exception("failed", token="hunter2")
    (line,) = (configured / "error.log").read_text().splitlines()
    event = json.loads(line)
    expected = {"timestamp", "level", "logger", "message", "module", "function", "line", "exception"}
    assert expected <= event.keys()
    assert (event["request_id"], event["user_id"], event["logger"]) == ("r-1", "u-1", "a.logger")
    assert "ValueError" in event["exception"]
    assert "hunter2" not in line


def test_only_the_account_and_its_group_may_read_them(configured: Path) -> None:
    structlog.get_logger().error("something")
    files = list(configured.glob("*.log"))
    assert files
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0


def test_a_folder_that_cannot_be_written_is_told_and_not_fatal(tmp_path: Path) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    (tmp_path / "file").touch()
    settings = AppSettings.model_validate(
        {"log_format": "json", "log_files": "on", "log_folder": tmp_path / "file" / "logs"}
    )
    configure_logging(settings, process="test", stream=stream)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    assert json.loads(stream.getvalue())["message"] == "logs are not written to files"


def test_below_level_filter() -> None:
    below = BelowLevelFilter(logging.WARNING)
    made = {level: logging.LogRecord("x", level, "", 0, "", None, None) for level in (20, 30, 40)}
    assert [level for level, record in made.items() if below.filter(record)] == [20]


def _write(path: Path, name: str, count: int) -> None:
    handler = JsonFileHandler(path, backups=50, max_bytes=2_000)
    for number in range(count):
        handler.emit(logging.LogRecord(name, 20, "", 0, f"{name} {number} {'x' * 50}", None, None))
    handler.close()


def test_processes_that_share_a_file_lose_no_line_when_it_rotates(tmp_path: Path) -> None:
    path = tmp_path / "activity.log"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, name, 200)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    files = list(tmp_path.glob("activity.log*"))
    found = sorted(tuple(line.split()[:2]) for file in files for line in file.read_text().splitlines())
    assert found == sorted((name, str(number)) for name in "abc" for number in range(200))
    assert len(files) > 5
    assert all(file.stat().st_size < 2_500 for file in files)


def test_only_the_wanted_backups_are_kept(tmp_path: Path) -> None:
    handler = JsonFileHandler(tmp_path / "error.log", backups=2, max_bytes=500)
    for number in range(100):
        handler.emit(logging.LogRecord("x", 20, "", 0, f"{number} {'x' * 50}", None, None))
    handler.close()
    assert sorted(path.name for path in tmp_path.glob("error.log*")) == ["error.log", "error.log.1", "error.log.2"]


def test_containers_are_recognised() -> None:
    assert in_container({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert in_container({"container": "podman"})

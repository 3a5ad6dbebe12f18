"""What a log line carries, and what it must not."""

import io
import json
import logging

import pytest
import structlog
from pydantic import SecretStr

from infra.log_redaction import MAX_TEXT, redact
from infra.logging import configure_logging
from infra.settings import AppSettings

API_KEY = "agpt_" + "x" * 43
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.c2lnbmF0dXJl"


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def configure(stream: io.StringIO, log_format: str = "json") -> None:
    settings = AppSettings.model_validate({"log_format": log_format, "log_level": "INFO", "log_files": "off"})
    configure_logging(settings, process="test", stream=stream)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_have_context_place_and_process(stream: io.StringIO) -> None:
    configure(stream)
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("some.name").info("graph started", graph_id="g")
        logging.getLogger("library").warning("slow: %d ms", 7)
    ours, theirs = lines(stream)
    assert ours["message"] == "graph started"
    assert (ours["level"], ours["logger"], ours["process"]) == ("info", "some.name", "test")
    assert (ours["request_id"], ours["graph_id"]) == ("r-1", "g")
    assert ours["function"] == "test_json_lines_have_context_place_and_process"
    assert ours["module"] == "test_logging"
    assert isinstance(ours["line"], int)
    assert ours["timestamp"].endswith("Z")
    assert (theirs["message"], theirs["request_id"]) == ("slow: 7 ms", "r-1")


def test_levels_below_the_configured_one_are_dropped(stream: io.StringIO) -> None:
    configure(stream)
    structlog.get_logger().debug("nothing")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "simple", "structured"])
def test_no_secret_is_printed(stream: io.StringIO, log_format: str) -> None:
    configure(stream, log_format)
    logger = structlog.get_logger()
    logger.info(f"called with {API_KEY}", token="t-secret", headers={"Authorization": f"Bearer {TOKEN}"})
    logger.info("connecting", url="postgresql://me:hunter2@127.0.0.1/db", key=SecretStr("hunter2"))
    logging.getLogger("library").warning("sent %s", f"bearer {TOKEN}")
    try:
        raise ValueError(f"bad key {API_KEY}")
    except ValueError:
        logger.exception("failed")
    text = stream.getvalue()
    for secret in (API_KEY, "t-secret", TOKEN, "hunter2"):
        assert secret not in text
    assert "ValueError" in text


def test_temporal_exceptions_keep_only_their_type_and_code(stream: io.StringIO) -> None:
    class CodedError(Exception):
        code = "block_failed"

    configure(stream)
    try:
        raise CodedError("text of a user")
    except CodedError as error:
        logging.getLogger("temporalio.activity").warning("Failed: %s", error, exc_info=True)
    assert "text of a user" not in stream.getvalue()
    assert lines(stream)[0]["message"] == "Failed: CodedError: block_failed (CodedError: block_failed)"


def test_a_value_json_cannot_hold_is_still_logged(stream: io.StringIO) -> None:
    configure(stream)
    structlog.get_logger().info("odd", text="\ud800", number=2**70, thing=object)
    assert lines(stream)[0]["number"] == 2**70


def test_colors_of_others_do_not_reach_what_is_no_terminal(stream: io.StringIO) -> None:
    configure(stream)
    structlog.get_logger().info("\x1b[31mred\x1b[0m", title="\x1b]0;owned")
    (line,) = lines(stream)
    assert line["message"] == "red"
    assert "\x1b" not in line["title"]


def test_a_cloud_that_is_not_there_is_told_and_not_fatal(stream: io.StringIO) -> None:
    settings = AppSettings.model_validate({"log_format": "json", "log_files": "off"})
    configure_logging(settings, process="test", stream=stream, force_cloud_logging=True)
    structlog.get_logger().info("still here")
    told, after = lines(stream)
    assert (told["level"], told["message"]) == ("warning", "logs are not sent to the cloud")
    assert after["message"] == "still here"


@pytest.mark.parametrize(
    "name",
    ["password", "apiKey", "X-API-Key", "Set-Cookie", "access_token", "refreshToken", "client_secret", "passphrase"],
)
def test_what_goes_by_the_name_of_a_secret_is_masked(name: str) -> None:
    assert redact({name: "hunter2", "nested": [{name: {"a": "hunter2"}}]}) == {
        name: "***",
        "nested": [{name: "***"}],
    }


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        'body {"password": "hunter2 with spaces"}',
        "token: hunter2",
        "Cookie: hunter2",
        "api_key='hunter2'",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        b"secret=hunter2",
        ValueError("secret=hunter2"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: object) -> None:
    assert "hunter2" not in str(redact(text))


def test_ordinary_words_stay() -> None:
    text = "15 tokens, the password was changed, see https://example.com/a?page=2"
    assert redact({"keys": 3, "tokens_used": 7, "reason": text}) == {"keys": 3, "tokens_used": 7, "reason": text}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "part", ["a.", "eyJ-", "eyJa.", "a://", "a://b:", "token ", 'password="', "bearer  ", "agpt_-"]
)
def test_no_text_takes_time_with_the_square_of_its_length(part: str) -> None:
    masked = redact("token " + part * (1_000_000 // len(part)))
    assert isinstance(masked, str)
    assert len(masked) < MAX_TEXT + 100


def test_of_a_long_text_both_ends_are_kept_and_no_half_of_a_secret() -> None:
    for offset in range(-len(TOKEN), 1):
        before = "." * (MAX_TEXT // 2 + offset - 1) + " "
        after = " " + "." * (MAX_TEXT // 2 + offset - 1)
        masked = str(redact(f"begin {before[6:]}{TOKEN} {'.' * MAX_TEXT} {TOKEN}{after[:-4]} end"))
        assert masked.startswith("begin ")
        assert masked.endswith(" end")
        assert "characters left out" in masked
        assert "eyJ" not in masked
        assert "c2lnbmF0" not in masked


@pytest.mark.parametrize("text", [f"x-{TOKEN}", f"--url=a.{TOKEN}", "-dpostgres+x.y://me:pass-word-1@db/x"])
def test_what_stands_before_a_secret_does_not_hide_it(text: str) -> None:
    masked = str(redact(text))
    assert "***" in masked
    assert "eyJ" not in masked
    assert "pass-word-1" not in masked

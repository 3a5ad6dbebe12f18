"""How findings are judged, where no server has to be asked."""

import asyncio
import builtins
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from redis.exceptions import AuthenticationError, ConnectionError, ReadOnlyError, TimeoutError
from sqlalchemy.engine import make_url
from temporalio.service import RPCError, RPCStatusCode

from infra.diagnosis import postgres, redis, temporal
from infra.diagnosis.examination import Examination
from infra.diagnosis.finding import Finding, Status, ok
from infra.diagnosis.ports import check_ports
from infra.diagnosis.programs import check_packages, check_program, check_python
from infra.diagnosis.situation import Situation
from infra.embedded.home import StackHome
from infra.embedded.server import StackError

URL = make_url("postgresql://me:hunter2@db.example.com/perdure")
MARK = Path(__file__)


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10, 9), Status.PROBLEM), ((3, 11, 0), Status.OK), ((4, 0), Status.OK)]
)
def test_an_old_python(version: tuple[int, ...], status: Status) -> None:
    assert check_python(version).status is status


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("no-such-package>=1", "'no-such-package' is missing"),
        ("pydantic>=99", "at least 99 is needed"),
        ("pydantic>=2.1", ""),
        ("pydantic[email]>=2.1,<99", ""),
        ('no-such-package>=1; extra == "embedded"', ""),
    ],
)
def test_missing_and_old_packages(requirement: str, said: str) -> None:
    found = check_packages([requirement])
    assert (found.status is Status.PROBLEM) == bool(said)
    assert said in found.message


def missing() -> Path:
    raise StackError("There is no server here")


@pytest.mark.parametrize(
    ("find", "option", "said"),
    [
        (missing, "--version", "There is no server here"),
        (lambda: MARK, "--version", "cannot be started"),
        (lambda: Path("/bin/false"), "--version", "exit code 1"),
    ],
    ids=["missing", "no program", "broken"],
)
async def test_programs_that_cannot_run(find: Callable[[], Path], option: str, said: str) -> None:
    programs = {"postgres": (find, option, "DATABASE_URL")}
    found = await check_program("postgres", needed=True, programs=programs)
    assert found.status is Status.PROBLEM
    assert said in found.message
    assert "DATABASE_URL" in found.hint
    assert (await check_program("postgres", needed=False, programs=programs)).status is Status.OK


async def test_a_program_that_runs() -> None:
    programs = {"redis": (lambda: Path(sys.executable), "--version", "REDIS_URL")}
    assert "Python 3." in (await check_program("redis", needed=True, programs=programs)).message


@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        ("3", Status.OK, "revision 3"),
        ("2", Status.PROBLEM, "behind: at revision 2, this release needs 3"),
        (None, Status.PROBLEM, "no schema yet"),
        ("4", Status.PROBLEM, "a newer one"),
    ],
)
def test_revisions_of_the_schema(found: str | None, status: Status, said: str) -> None:
    judged = postgres.judge_schema(found, wanted="3", known={"1", "2", "3"})
    assert judged.status is status
    assert said in judged.message


@pytest.mark.parametrize(
    ("seconds", "status", "said"),
    [
        (0.5, Status.OK, "agree"),
        (-1.9, Status.OK, "agree"),
        (5, Status.WARNING, "5 s ahead of ours"),
        (-90, Status.PROBLEM, "90 s behind ours"),
    ],
)
def test_clocks(seconds: float, status: Status, said: str) -> None:
    judged = postgres.judge_clock(timedelta(seconds=seconds))
    assert judged.status is status
    assert said in judged.message


@pytest.mark.parametrize(
    ("version", "status"), [("18.4", Status.OK), ("14.1 (Debian 14.1-1)", Status.OK), ("12.9", Status.WARNING)]
)
def test_versions_of_postgres(version: str, status: Status) -> None:
    assert postgres.judge_version(version, URL).status is status


def chained(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncpg.TooManyConnectionsError("x"), "no connection free"),
        (asyncpg.CannotConnectNowError("x"), "starting or stopping"),
        (asyncpg.InsufficientPrivilegeError("x"), "not to our questions"),
        (chained(RuntimeError("hunter2"), asyncpg.InvalidPasswordError("hunter2")), "wrong password"),
        (socket.gaierror("x"), "'db.example.com', is not known"),
        (builtins.TimeoutError("x"), "does not answer in time"),
        (OSError("x"), "Nothing listens at db.example.com:5432"),
        (RuntimeError("hunter2"), "cannot be used (RuntimeError)"),
    ],
)
def test_why_postgres_does_not_answer(error: Exception, said: str) -> None:
    for is_ours in (False, True):
        found = postgres.explain(error, URL, is_ours=is_ours)
        assert said in found.message
        assert found.hint
        assert "hunter2" not in found.message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AuthenticationError("invalid"), "wrong password"),
        (ReadOnlyError("READONLY You can't write against a read only replica."), "refuses to be written (READONLY)"),
        (TimeoutError("x"), "does not answer in time"),
        (ConnectionError("x"), "Nothing listens at here:1"),
        (chained(ConnectionError("x"), socket.gaierror("x")), "is not known"),
    ],
)
def test_why_redis_does_not_answer(error: Exception, said: str) -> None:
    assert said in redis.explain(error, "here:1", is_ours=False).message


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://:hunter2@host/0", "host:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("redis://:hunter2@host:99999999/0", "(malformed address)"),
    ],
)
def test_places_hold_no_passwords(url: str, place: str) -> None:
    assert redis.place_of(url) == place


def test_a_temporal_that_refuses_us_is_told_from_one_that_is_away() -> None:
    refused = RPCError("no", RPCStatusCode.PERMISSION_DENIED, b"")
    away = RPCError("no", RPCStatusCode.UNAVAILABLE, b"")
    assert "refuses us" in temporal.explain(refused, "here:1", is_ours=False).message
    assert "does not answer" in temporal.explain(chained(RuntimeError("x"), away), "here:1", is_ours=True).message


def test_ports_held_by_nobody_we_can_see(tmp_path: Path) -> None:
    situation = Situation(home=StackHome(tmp_path))
    (found,) = check_ports(situation, is_free=lambda port: port != 8000, holder_of=lambda _: None)
    assert found.status is Status.WARNING
    assert "8000" in found.message
    assert "another user" in found.message


class Hanging(Examination):
    """An examination in which one check never answers and another one has a fault."""

    async def _postgres(self) -> list[Finding]:
        await asyncio.Event().wait()
        return [ok("postgres", "never said")]

    async def _redis(self) -> list[Finding]:
        raise ZeroDivisionError("a fault of the check")


async def test_a_check_that_hangs_or_fails_does_not_hinder_the_others(tmp_path: Path) -> None:
    findings = await Hanging(Situation(home=StackHome(tmp_path)), seconds=2).run()
    by_check = {finding.check: finding for finding in findings}
    assert "No answer within 2 s" in by_check["postgres"].message
    assert "ZeroDivisionError" in by_check["redis"].message
    assert by_check["token key"].status is Status.OK

"""Python, the installed packages, and the programs of the embedded servers."""

import asyncio
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.embedded.postgres import postgres_binaries
from infra.embedded.process import plain_environment
from infra.embedded.server import StackError
from infra.embedded.temporal import temporal_binary
from infra.embedded.valkey import valkey_binary
from infra.release import DISTRIBUTION, own_version

MIN_PYTHON: Final = (3, 11)
RUN_SECONDS: Final = 15.0

Program = tuple[Callable[[], Path], str, str]
"""Finds the program, which option prints its version, and which setting makes it unnecessary."""

PROGRAMS: Final[Mapping[str, Program]] = {
    "postgres": (lambda: postgres_binaries() / "postgres", "--version", "DATABASE_URL"),
    "redis": (valkey_binary, "--version", "REDIS_URL"),
    "temporal": (temporal_binary, "--version", "TEMPORAL_ADDRESS"),
}
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_MINIMUM: Final = re.compile(r">=\s*([0-9.]+)")


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    shown = ".".join(map(str, version))
    if version[:2] < MIN_PYTHON:
        wanted = ".".join(map(str, MIN_PYTHON))
        return problem("python", f"This is Python {shown}.", f"Python {wanted} or later is needed: `make clean setup`.")
    return ok("python", f"Python {shown}.")


def check_packages(requirements: Iterable[str] | None = None) -> Finding:
    """Whether what the package declares to need is installed, in a version that will do."""
    if requirements is None:
        requirements = (metadata.requires(DISTRIBUTION) or ()) if own_version() else None
    if requirements is None:
        return warning("packages", "Perdure runs without having been installed.", "Run `make setup`.")
    wrong = list(filter(None, map(_what_is_wrong, requirements)))
    if wrong:
        return problem("packages", f"{'; '.join(wrong)}.", "Run `make setup` (or install the requirements again).")
    return ok("packages", f"Perdure {own_version()} with everything it needs.")


def _what_is_wrong(requirement: str) -> str | None:
    specification, _, marker = requirement.partition(";")
    name = _NAME.match(specification)
    if name is None or "extra" in marker:
        return None
    try:
        found = metadata.version(name.group())
    except metadata.PackageNotFoundError:
        return f"package {name.group()!r} is missing"
    minimum = _MINIMUM.search(specification)
    if minimum and _numbers(found) < _numbers(minimum.group(1)):
        return f"package {name.group()!r} is {found}, at least {minimum.group(1)} is needed"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


async def check_program(server: str, *, needed: bool, programs: Mapping[str, Program] = PROGRAMS) -> Finding:
    """Whether the program of an embedded server is there and runs."""
    find, option, setting = programs[server]
    check = f"{server} program"
    if not needed:
        return ok(check, f"Not needed: {setting} names a server.")
    try:
        program = await asyncio.to_thread(find)
    except StackError as error:
        return problem(check, f"{error}.", f"Run `make setup`, or `pip install 'perdure[embedded]'`, or set {setting}.")
    hint = f"Install 'perdure[embedded]' again, or set {setting} to a server of your own."
    try:
        process = await asyncio.create_subprocess_exec(
            *(str(program), option),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=plain_environment(),
        )
    except OSError as error:
        return problem(check, f"{program} cannot be started: {error.strerror}.", hint)
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), RUN_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return problem(check, f"{program} does not answer `{option}` within {RUN_SECONDS:.0f} s.", hint)
    said = (printed.decode(errors="replace").strip().splitlines() or [""])[0][:200]
    if process.returncode != 0:
        return problem(check, f"{program} ends with exit code {process.returncode}: {said}", hint)
    return ok(check, f"{said}.")

"""`docker-compose.yml` as Compose reads it, without Docker."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

import infra

ROOT: Final = Path(infra.__file__).parent.parent
COMPOSE_FILE: Final = ROOT / "docker-compose.yml"
ENV_EXAMPLE: Final = ROOT / "infra/deploy/compose.env.example"

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<plain>\w+)|\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<text>[^{}$]*))?\})")


class MissingVariableError(Exception):
    """A variable without a default is not set; the message is the one of the file."""


@dataclass(frozen=True)
class Reference:
    """A variable in a text: `default` of `${NAME:-default}`, `complaint` of `${NAME:?complaint}`."""

    name: str
    default: str | None = None
    complaint: str | None = None


def references(text: str) -> Iterator[Reference]:
    """Raises ValueError for a dollar sign that begins nothing known."""
    if "$" in _REFERENCE.sub("", text):
        raise ValueError(f"not understood: {text!r}")
    for match in _REFERENCE.finditer(text):
        if match["dollar"]:
            continue
        yield Reference(
            name=match["plain"] or match["name"],
            default=match["text"] if match["kind"] == ":-" else None,
            complaint=match["text"] if match["kind"] == ":?" else None,
        )


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """Raises MissingVariableError."""

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        (reference,) = references(match[0])
        found = environment.get(reference.name, "")
        if not found and reference.complaint is not None:
            raise MissingVariableError(f"{reference.name} {reference.complaint}")
        return found or reference.default or ""

    return _REFERENCE.sub(value, text)


def strings(value: Any) -> Iterator[str]:
    """Every string in a tree, without the keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def raw_compose() -> dict[str, Any]:
    """The parsed file, variables as they are written."""
    return yaml.safe_load(COMPOSE_FILE.read_text())


def compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables replaced; variables that are only handed on are left out where they are not set.

    Raises:
        MissingVariableError: one without a default is not set.
    """

    def resolved(value: Any) -> Any:
        if isinstance(value, str):
            return interpolate(value, environment)
        if isinstance(value, list):
            return [resolved(item) for item in value]
        if isinstance(value, dict):
            return {key: resolved(item) for key, item in value.items()}
        return value

    file = resolved(raw_compose())
    for service in file["services"].values():
        handed_on = service.get("environment", {})
        service["environment"] = {
            name: environment[name] if value is None else value
            for name, value in handed_on.items()
            if value is not None or name in environment
        }
    return file


def env_example() -> tuple[dict[str, str], dict[str, str]]:
    """Of `compose.env.example`: what has to be filled in, and what is commented out with its default."""
    active: dict[str, str] = {}
    commented: dict[str, str] = {}
    for line in ENV_EXAMPLE.read_text().splitlines():
        match = re.fullmatch(r"(#?)([A-Z0-9_]+)=(.*)", line)
        if match:
            (commented if match[1] else active)[match[2]] = match[3]
    return active, commented

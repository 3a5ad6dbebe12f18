"""Graphs and inputs as files and arguments."""

import json
from pathlib import Path
from typing import Any, Final, cast

from models.errors import InvalidRequestError

MAX_FILE_BYTES: Final = 64 * 1024 * 1024


def read_export(path: Path) -> dict[str, Any]:
    """The content of a file that holds a graph, with what a store download wraps around it.

    Raises:
        InvalidRequestError: the file is missing, too large or holds no graph.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidRequestError(f"{str(path)!r} is larger than {MAX_FILE_BYTES} bytes; no graph is.")
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InvalidRequestError(f"There is no file {str(path)!r}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    graph = graph_in(content)
    if not isinstance(graph, dict) or not isinstance(cast("dict[str, Any]", graph).get("nodes"), list):
        raise InvalidRequestError(f"{str(path)!r} holds no graph: expected an object with a list of `nodes`.")
    return cast("dict[str, Any]", content)


def read_graph(path: Path) -> dict[str, Any]:
    """The graph in a file, without what is wrapped around it. Raises InvalidRequestError as `read_export` does."""
    return graph_in(read_export(path))


def graph_in(content: Any) -> Any:
    """The graph in the content of a file: bare, or wrapped by a store download."""
    return content.get("graph_data") or content.get("graph") or content if isinstance(content, dict) else None


def parse_inputs(given: list[str]) -> dict[str, Any]:
    """`name=value` pairs. A value is JSON if it parses, else text; `name=@file` takes the content of a file.

    Raises:
        InvalidRequestError: no `=`, or the file cannot be read.
    """
    inputs: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InvalidRequestError(f"Input {pair!r} is not of the form name=value.")
        if text.startswith("@"):
            try:
                text = Path(text[1:]).read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise InvalidRequestError(f"Input {name!r}: {text[1:]!r} cannot be read: {error}") from error
        try:
            inputs[name] = json.loads(text)
        except (ValueError, RecursionError):
            inputs[name] = text
    return inputs

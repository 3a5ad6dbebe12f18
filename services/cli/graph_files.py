"""Graphs and inputs as files and arguments."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from models.errors import InvalidRequestError

_OF_THIS_PLACE: Final = frozenset(
    {"id", "version", "is_active", "user_id", "created_at", "updated_at", "forked_from_id", "forked_from_version"}
)
"""What a graph gets anew wherever it is imported, or says whose it is."""

_OF_A_NODE: Final = ("id", "block_id", "input_default", "metadata")
_OF_A_LINK: Final = ("id", "source_id", "sink_id", "source_name", "sink_name", "is_static")


def read_graph(path: Path) -> dict[str, Any]:
    """The graph in a file: bare, or wrapped by a store download.

    Raises:
        InvalidRequestError: the file is missing or holds no graph.
    """
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InvalidRequestError(f"There is no file {str(path)!r}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    graph = content.get("graph_data") or content.get("graph") or content if isinstance(content, dict) else None
    if not isinstance(graph, dict) or not isinstance(graph.get("nodes"), list):
        raise InvalidRequestError(f"{str(path)!r} holds no graph: expected an object with a list of `nodes`.")
    return cast("dict[str, Any]", graph)


def exported(graph: Mapping[str, Any]) -> dict[str, Any]:
    """A graph of the gateway as a file that imports again here or elsewhere; nothing in it says whose it was.

    The schemas stay: they tell people what it takes and gives, and an import that it is an export.
    """
    kept = {name: value for name, value in graph.items() if name not in _OF_THIS_PLACE}
    return kept | {
        "nodes": [{name: node[name] for name in _OF_A_NODE if name in node} for node in graph["nodes"]],
        "links": [{name: link[name] for name in _OF_A_LINK if name in link} for link in graph["links"]],
    }


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

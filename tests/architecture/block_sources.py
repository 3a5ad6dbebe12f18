"""What the source of a block may import and call: nothing by which it could leave the process except through a port."""

import ast
from collections.abc import Iterator
from typing import Final

PURE_MODULES: Final = frozenset(
    {
        *("__future__", "abc", "base64", "binascii", "bisect", "calendar", "collections", "contextlib", "copy", "csv"),
        *("dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq"),
        *("hmac", "html", "itertools", "json", "math", "numbers", "operator", "random", "re", "secrets", "statistics"),
        *("string", "textwrap", "time", "types", "typing", "unicodedata", "urllib.parse", "uuid", "zoneinfo"),
        *("defusedxml.ElementTree", "jsonschema", "nh3", "openpyxl", "orjson", "pydantic", "re2"),
        *("activities.blocks", "activities.payload_schema", "activities.templates", "models"),
    }
)
"""With everything below them."""

PARTS: Final = {
    "asyncio": frozenset(
        {
            *("CancelledError", "Event", "Lock", "Queue", "Semaphore", "Task", "TaskGroup", "TimeoutError"),
            *("create_task", "current_task", "gather", "shield", "sleep", "timeout", "to_thread", "wait", "wait_for"),
        }
    ),
    "io": frozenset({"BufferedReader", "BytesIO", "StringIO", "TextIOWrapper"}),
    "sys": frozenset({"float_info", "maxsize", "maxunicode"}),
    "xml.etree.ElementTree": frozenset({"Element", "ParseError", "SubElement", "tostring"}),
    "zipfile": frozenset({"BadZipFile", "ZipFile"}),
}
"""Modules of which only these names may be used."""

NEVER: Final = frozenset({"activities.blocks.registry", "hashlib.file_digest", "models.tables", "time.sleep"})
"""Parts of allowed modules that are not."""

FORBIDDEN_NAMES: Final = frozenset(
    {
        *("__builtins__", "__import__", "__loader__", "__spec__", "breakpoint", "compile", "delattr", "eval", "exec"),
        *("globals", "input", "open", "print", "setattr", "vars"),
    }
)
FORBIDDEN_ATTRIBUTES: Final = frozenset(
    {
        *("__bases__", "__builtins__", "__code__", "__globals__", "__import__", "__loader__", "__mro__", "__spec__"),
        *("__subclasses__", "create_connection", "create_server", "create_subprocess_exec", "create_subprocess_shell"),
        *("environ", "getenv", "import_module", "modules", "open_connection", "popen", "start_server", "system"),
        *("urlopen", "urlretrieve"),
    }
)
"""Names of attributes that no honest block needs, whatever object they are of."""


def find_violations(source: str) -> list[str]:
    """What a module of blocks does that it may not, each with its line."""
    tree = ast.parse(source)
    return [*_wrong_imports(tree), *_wrong_names(tree)]


def _wrong_imports(tree: ast.Module) -> Iterator[str]:
    partial: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in PARTS:
                    partial[alias.asname or alias.name] = alias.name
                elif not _is_allowed(alias.name):
                    yield f"line {node.lineno}: imports {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                if module in PARTS:
                    if alias.name not in PARTS[module]:
                        yield f"line {node.lineno}: imports {whole}"
                elif whole in NEVER or not (_is_allowed(module) or whole in PURE_MODULES or whole in PARTS):
                    yield f"line {node.lineno}: imports {whole}"
                elif whole in PARTS:
                    partial[alias.asname or alias.name] = whole
    yield from _wrong_parts(tree, partial)


def _is_allowed(module: str) -> bool:
    return _is_below(module, PURE_MODULES) and not _is_below(module, NEVER)


def _is_below(module: str, roots: frozenset[str]) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:length]) in roots for length in range(1, len(parts) + 1))


def _wrong_parts(tree: ast.Module, partial: dict[str, str]) -> Iterator[str]:
    """Uses of modules of which only parts are allowed: `name.part` with such a part, and nothing else."""
    used_rightly: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        written = ast.unparse(node.value)
        if written in partial and node.attr in PARTS[partial[written]]:
            used_rightly.update(id(inner) for inner in ast.walk(node.value))
        elif f"{written}.{node.attr}" in NEVER:
            yield f"line {node.lineno}: uses {written}.{node.attr}"
    roots = {name.partition(".")[0] for name in partial}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in roots and id(node) not in used_rightly:
            yield f"line {node.lineno}: uses {node.id} otherwise than for {', '.join(sorted(partial.values()))}"


def _wrong_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in FORBIDDEN_NAMES:
            if not _is_bound(tree, node.id):
                yield f"line {node.lineno}: uses {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_ATTRIBUTES:
            yield f"line {node.lineno}: uses .{node.attr}"


def _is_bound(tree: ast.Module, name: str) -> bool:
    """Whether the module gives the name a meaning of its own, as parameters called `input` do."""
    return any(
        (isinstance(node, ast.arg) and node.arg == name)
        or (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
        for node in ast.walk(tree)
    )

"""docs/blocks/, from the blocks themselves: `python -m services.cli.block_reference docs/blocks`."""

import inspect
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import activities.blocks
from activities.blocks.registry import BlockRegistry, BlockType, alias_of
from models.blocks import BlockEffect, BlockExample, ExecutorKind
from models.json_values import normalise_json

INDEX: Final = "README.md"

_MARK: Final = "<!-- Made by `python -m services.cli.block_reference docs/blocks`; a test compares them. -->"
_EFFECTS: Final = {
    BlockEffect.PURE: "pure: only computes",
    BlockEffect.READ: "read: asks the world, changes nothing",
    BlockEffect.WRITE: "write: changes the world",
}
_WORDS: Final = {
    **{name: name.upper() for name in ("ai", "csv", "html", "http", "json", "llm", "mcp", "rss", "url", "xml")},
    "io": "inputs and outputs",
}
_SHOWN_CHARACTERS: Final = 400
_INTRODUCTION: Final = """\
# Blocks

What every block does, takes and gives, one page per family. In a graph `block_id` is the id or an alias. How to add one
is in [CONTRIBUTING.md](../../CONTRIBUTING.md). Blocks of installed packages are not among them; `perdure blocks list`
shows those, too.
"""


def render() -> dict[str, str]:
    """Content by file name."""
    families: dict[str, list[BlockType]] = defaultdict(list)
    for block in BlockRegistry.built_in().all():
        families[block.__module__].append(block)
    pages = {_page(module): _family(module, blocks) for module, blocks in families.items()}
    return {INDEX: _index(families), **dict(sorted(pages.items()))}


def _page(module: str) -> str:
    return module.removeprefix(activities.blocks.__name__ + ".").replace(".", "_") + ".md"


def _title(module: str) -> str:
    first, *others = (_WORDS.get(word, word) for word in _page(module).removesuffix(".md").split("_"))
    return " ".join((first[0].upper() + first[1:], *others))


def _index(families: Mapping[str, list[BlockType]]) -> str:
    blocks = [block for family in families.values() for block in family]
    able = sum(block.disabled is None for block in blocks)
    lines = [_INTRODUCTION, _MARK, "", f"{len(blocks)} blocks, {able} of them can run here."]
    for module in sorted(families):
        page = _page(module)
        lines += [
            "",
            f"## [{_title(module)}]({page})",
            "",
            "| block | id | what it does | needs |",
            "|---|---|---|---|",
        ]
        for block in families[module]:
            link = f"[{block.name()}]({page}#{block.name().lower()})"
            lines.append(f"| {link} | `{block.id}` | {_cell(block.description)} | {_cell(_needs(block))} |")
    return "\n".join(lines) + "\n"


def _family(module: str, blocks: list[BlockType]) -> str:
    document = inspect.getdoc(sys.modules[module]) or ""
    lines = [f"# {_title(module)}", "", _MARK, "", _text(document), ""]
    for block in blocks:
        lines += _block(block)
    return "\n".join(lines).rstrip() + "\n"


def _block(block: BlockType) -> Iterator[str]:
    yield f"## {block.name()}\n"
    yield _text(block.description) + "\n"
    own_document = vars(block).get("__doc__")
    if own_document:
        yield _text(inspect.cleandoc(own_document)) + "\n"
    if block.disabled is not None:
        yield f"**Cannot run yet:** {_text(block.disabled)}\n"
    yield from (f"- {name}: {value}" for name, value in _facts(block))
    yield ""
    yield from _pins("input", block.input_schema())
    yield from _pins("output", block.output_schema())
    for example in block.examples:
        yield from _example(example)


def _needs(block: BlockType) -> str:
    if block.disabled is not None:
        return block.disabled.removeprefix("it needs ")
    providers = [
        provider
        for pin in block.input_schema().get("properties", {}).values()
        for provider in pin.get("credentials_provider", ())
    ]
    return f"credentials of {', '.join(dict.fromkeys(map(str, providers)))}" if providers else ""


def _facts(block: BlockType) -> Iterator[tuple[str, str]]:
    yield "id", f"`{block.id}`"
    yield "alias", ", ".join(f"`{alias}`" for alias in (alias_of(block.name()), *block.aliases))
    yield "categories", ", ".join(category.name for category in block.categories) or "none"
    yield "kind", block.kind.value
    yield "effect", _EFFECTS[block.effect]
    if block.executor is ExecutorKind.ACTIVITY:
        attempts = block.retry_policy().max_attempts
        yield "attempts", f"up to {attempts}, after errors that may pass" if attempts > 1 else "1"
        yield "time limit of one attempt", _duration(block.timeout)
    else:
        yield "carried out by the engine", block.executor.value.replace("_", " ")
    if block.static_output:
        yield "static output", "its last values stay for its consumers"
    if block.streams:
        yield "streams", "its values are routed while it runs"
    for cost in block.costs:
        matching = f" if {_inline(cost.cost_filter)}" if cost.cost_filter else ""
        yield "cost", f"{cost.cost_amount} per {cost.cost_type}{matching}"


def _duration(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _pins(direction: str, schema: Mapping[str, Any]) -> Iterator[str]:
    pins: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    if not pins:
        yield f"No {direction}s.\n"
        return
    if direction == "input":
        yield "| input | type | default | |\n|---|---|---|---|"
        required = schema.get("required", ())
        for name, pin in pins.items():
            default = "required" if name in required else _inline(pin.get("default"))
            yield f"| `{name}` | {_cell(_type(pin))} | {default} | {_cell(_about(name, pin))} |"
    else:
        yield "| output | type | |\n|---|---|---|"
        for name, pin in pins.items():
            yield f"| `{name}` | {_cell(_type(pin))} | {_cell(_about(name, pin))} |"
    yield ""


def _about(name: str, pin: Mapping[str, Any]) -> str:
    """Description, a title that is not just the name, and what a form does with the pin."""
    title = str(pin.get("title") or "")
    said = [str(pin.get("description") or "")]
    if title and title.lower() != name.replace("_", " ").lower():
        said.insert(0, title)
    marks = [mark for mark in ("advanced", "secret", "hidden") if pin.get(mark)]
    return ". ".join(filter(None, said)) + (f" ({', '.join(marks)})" if marks else "")


def _type(schema: Mapping[str, Any]) -> str:
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_type(option) for option in options))
    if "const" in schema:
        return f"`{json.dumps(schema['const'], ensure_ascii=False)}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in schema["enum"])
    name = str(schema.get("type", "any"))
    if name == "array" and schema.get("items"):
        name = f"array of {_type(schema['items'])}"
    if name == "object" and isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
        name = f"object of {_type(schema['additionalProperties'])}"
    limits = [f"{sign} {schema[key]}" for key, sign in _LIMITS.items() if key in schema]
    shown = [*([str(schema["format"])] if "format" in schema else []), *limits]
    return f"{name} ({', '.join(shown)})" if shown else name


_LIMITS: Final = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
    "minLength": "length ≥",
    "maxLength": "length ≤",
    "minItems": "items ≥",
    "maxItems": "items ≤",
}


def _example(example: BlockExample) -> Iterator[str]:
    lines = [f"in   {pin}: {_json(value)}" for pin, value in example.input.items()]
    lines += [f"out  {pin}: {_expected(value)}" for pin, value in example.output]
    if example.error is not None:
        lines.append(f"fails: {example.error}")
    body = "\n".join(lines)
    longest = max((len(ticks) for ticks in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    title = _text(example.title) if example.title else ""
    yield f"Example{': ' + title if title else ''}\n\n{fence}text\n{body}\n{fence}\n"


def _expected(value: Any) -> str:
    return "(depends on clock or chance)" if callable(value) else _json(value)


def _json(value: Any) -> str:
    text = json.dumps(normalise_json(value), ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"


def _inline(value: Any) -> str:
    return f"`{_json(value)}`".replace("|", "\\|")


def _text(text: str) -> str:
    """Plain text as Markdown: our own back-ticks and lists mean what they say, HTML does not."""
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split("(`[^`]*`)", text))


def _cell(text: str) -> str:
    return _text(" ".join(text.split())).replace("|", "\\|")


def write(folder: Path) -> None:
    """Makes the folder what `render` says, pages of families that are gone removed."""
    pages = render()
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.md"):
        if stale.name not in pages:
            stale.unlink()
    for name, content in pages.items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

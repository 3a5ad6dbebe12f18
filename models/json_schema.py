"""JSON schemas as clients of the API read them: one self-contained object without references."""

from typing import Any, cast

_COMBINATORS = ("allOf", "anyOf", "oneOf")


def inline_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with `$ref` replaced by what it names, `$defs` dropped, and combinators of one entry merged.

    A recursive reference is cut to an empty schema (anything) at its second level.
    """
    definitions = cast("dict[str, Any]", schema.get("$defs", {}))
    return cast("dict[str, Any]", _resolve(schema, definitions, ()))


def _resolve(value: Any, definitions: dict[str, Any], open_refs: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, definitions, open_refs) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    schema = cast("dict[str, Any]", value)
    reference = schema.get("$ref")
    if isinstance(schema.get("propertyName"), str) and isinstance(schema.get("mapping"), dict):
        # A discriminator: its mapping only repeats, as references, what each variant says itself.
        return {"propertyName": schema["propertyName"]}
    rest = {k: _resolve(v, definitions, open_refs) for k, v in schema.items() if not k.startswith("$")}
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        if name in open_refs or name not in definitions:
            return rest
        return {**_resolve(definitions[name], definitions, (*open_refs, name)), **rest}
    for combinator in _COMBINATORS:
        entries = rest.get(combinator)
        if isinstance(entries, list) and len(cast("list[Any]", entries)) == 1:
            rest = {**entries[0], **{k: v for k, v in rest.items() if k != combinator}}
    return rest

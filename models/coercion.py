"""Lenient conversion of a node's inputs to the types its block declares, and the checks of what goes in and out.

Conversion never fails: what cannot be converted is left alone, and the validation that follows names it.
"""

import json
import math
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from models.blocks import Block, BlockKind
from models.errors import BlockInputError, BlockOutputError, InvalidRequestError
from models.json_values import json_type, load_json, normalise_json
from models.pins import ERROR_PIN, is_dynamic

_SHOWN_PROBLEMS = 10

Converter = Callable[[Any], Any]


def coerce_input(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with every declared pin converted to its annotation where it does not satisfy it already.

    None is untouched, and so are pins the model does not declare. Elements of lists and objects are converted too; for
    a union the first member that is not None counts.
    """
    coerced = dict(values)
    for pin, (is_satisfied, convert) in _converters(model).items():
        value = coerced.get(pin)
        if value is not None and not is_satisfied(value):
            coerced[pin] = convert(value)
    return coerced


def build_input(block: type[Block[Any]], values: Mapping[str, Any]) -> BaseModel:
    """The block's input model from merged and folded values.

    Null pins fall back to their defaults. Raw dynamic keys (`values_#_a`) never become pins of their own. A pin that
    the block does not declare but accepts (`extra="allow"`) keeps its null.

    Raises:
        BlockInputError: naming the block and every pin that is missing or wrong.
    """
    model = block.Input
    open_ended = model.model_config.get("extra") == "allow"
    known = {*model.model_fields, *block.legacy_pins}
    present = {
        pin: value
        for pin, value in values.items()
        if (value is not None if pin in known else open_ended and not is_dynamic(pin))
    }
    try:
        return model.model_validate(coerce_input(model, present))
    except ValidationError as error:
        raise BlockInputError(
            f"Unable to execute block with invalid input data: {block.name()} ({block.id}): {_problems(error)}"
        ) from None


def validate_emission(block: type[Block[Any]], input: BaseModel, pin: str, value: Any) -> None:
    """Checks one emission of a STANDARD block; blocks of other kinds name their pins at run time.

    Raises:
        BlockOutputError: the block declares no such pin, or the value is of another type.
    """
    if block.kind is not BlockKind.STANDARD or pin == ERROR_PIN:
        return
    if not block.check_emission(pin, input):
        raise BlockOutputError(f"{_invalid_output(block)}: there is no output pin {pin[:100]!r}.")
    adapter = _output_adapters(block.Output).get(pin)
    if adapter is None or _satisfies(adapter, value):
        return
    try:
        adapter.validate_python(normalise_json(value), strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise BlockOutputError(f"{_invalid_output(block)}: pin {pin!r}: {problem}.") from None


def to_text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(normalise_json(value), ensure_ascii=False)


def to_boolean(value: Any) -> bool:
    """Text is true only if it says "true" or "1"."""
    return value.lower() in ("true", "1") if isinstance(value, str) else bool(value)


def to_float(value: Any) -> float:
    """The length of a collection, else the number it reads as, else 0."""
    if isinstance(value, list | dict | tuple | set | frozenset):
        return float(len(cast("list[Any]", value)))
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def to_integer(value: Any) -> int:
    """Like `to_float`, cut off after the point; integers of any length stay exact."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    number = to_float(value)
    return int(number) if math.isfinite(number) else 0


def to_list(value: Any) -> list[Any]:
    """Sequences as they are, an object as its [key, value] pairs, text of a JSON list parsed, else a list of one."""
    if isinstance(value, list | tuple | set | frozenset):
        return list(cast("list[Any]", value))
    if isinstance(value, dict):
        return [[key, item] for key, item in cast("dict[str, Any]", value).items()]
    if isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]"):
        parsed = _parse(value)
        if isinstance(parsed, list):
            return cast("list[Any]", parsed)
    return [value]


def to_dictionary(value: Any) -> dict[str, Any]:
    """Objects as they are, JSON text of one parsed, a list keyed by index, anything else under the key `value`."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    if isinstance(value, list | tuple):
        return {str(index): item for index, item in enumerate(cast("list[Any]", value))}
    if isinstance(value, str):
        parsed = _parse(value)
        return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {"value": parsed}
    return {"value": value}


def _parse(text: str) -> Any:
    """The JSON value of `text`, or the text itself."""
    try:
        return load_json(text)
    except InvalidRequestError:
        return text


_SCALARS: dict[Any, Converter] = {str: to_text, bool: to_boolean, float: to_float, int: to_integer}


@cache
def _converters(model: type[BaseModel]) -> dict[str, tuple[Callable[[Any], bool], Converter]]:
    """Per pin with a type we can convert to: whether a value satisfies it, and how to convert one that does not."""
    converters: dict[str, tuple[Callable[[Any], bool], Converter]] = {}
    for name, field in model.model_fields.items():
        convert = _converter(field.annotation)
        if convert is not None:
            converters[name] = (_check(_adapter(field.annotation)), convert)
    return converters


def _check(adapter: TypeAdapter[Any]) -> Callable[[Any], bool]:
    return lambda value: _satisfies(adapter, value)


def _converter(annotation: Any) -> Converter | None:
    """How to convert to `annotation`; None if it is a type we leave to validation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _converter(arguments[0])
    if origin is Union or origin is types.UnionType:
        first = next((argument for argument in arguments if argument is not types.NoneType), Any)
        return _converter(first)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    target = origin or annotation
    if target is list:
        return _list_converter(arguments[0] if arguments else Any)
    if target is dict:
        return _dictionary_converter(arguments[1] if arguments else Any)
    return None


def _list_converter(element: Any) -> Converter:
    convert = _element_converter(element)
    return lambda value: [convert(item) for item in to_list(value)] if convert else to_list(value)


def _dictionary_converter(element: Any) -> Converter:
    convert = _element_converter(element)
    return lambda value: (
        {key: convert(item) for key, item in to_dictionary(value).items()} if convert else to_dictionary(value)
    )


def _element_converter(annotation: Any) -> Converter | None:
    convert = _converter(annotation)
    if convert is None:
        return None
    adapter = _adapter(annotation)
    return lambda value: value if value is None or _satisfies(adapter, value) else convert(value)


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _satisfies(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@cache
def _output_adapters(model: type[BaseModel]) -> dict[str, TypeAdapter[Any] | None]:
    return {
        name: None if field.annotation is Any else _adapter(Annotated[cast("Any", field.annotation), field])
        for name, field in model.model_fields.items()
    }


def _invalid_output(block: type[Block[Any]]) -> str:
    return f"Block produced an invalid output data: {block.name()} ({block.id})"


def _problems(error: ValidationError) -> str:
    """One clause per pin, without the values: a pin may hold a secret."""
    clauses: list[str] = []
    for problem in error.errors(include_url=False):
        pin, *path = (str(part) for part in problem["loc"]) if problem["loc"] else ("input",)
        where = f"pin {pin!r}" + (f" at {'.'.join(path)}" if path else "")
        if problem["type"] == "missing":
            clauses.append(f"{where} needs a value")
        else:
            clauses.append(f"{where}: {problem['msg']}, got {_type_of(problem.get('input'))}")
    shown = list(dict.fromkeys(clauses))[:_SHOWN_PROBLEMS]
    more = len(clauses) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "") + "."


def _type_of(value: Any) -> str:
    known = value is None or isinstance(value, bool | int | float | str | list | dict)
    return json_type(value) if known else type(value).__name__

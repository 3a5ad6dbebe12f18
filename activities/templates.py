"""The sandbox in which Jinja2 templates of users render.

Two ways lead here. A *plain* template (variables, simple filters, simple conditions) costs time in proportion to its
values and renders in place. Anything else may loop, and no guard inside the interpreter stops every runaway, so it
renders in a process of its own (the port `TemplateRenderer`) that is killed at a limit of time and memory. This module
imports neither pydantic nor anything else that would make that process slow to start.
"""

import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.errors import BlockError

T = TypeVar("T")

MAX_RANGE = 10_000
MAX_REPEAT = 10_000
MAX_POWER_OPERAND = 1_000
MAX_INTEGER_BITS = 16_384
MAX_OUTPUT = 5_000_000
"""Characters a template may render to."""
MAX_TEMPLATE = 1_000_000
MAX_PLAIN_TEMPLATE = 10_000

_REMOVED_FILTERS = ("pprint", "tojson", "urlize", "xmlattr")
_UNPRINTABLE = (types.FunctionType, types.MethodType, types.BuiltinMethodType, types.MethodWrapperType, type)


class TemplateError(BlockError):
    """A template that is wrong, refused or over a limit."""

    code = "template_failed"


class Sandbox(ImmutableSandboxedEnvironment):
    """No globals but `range`, no private attributes, bounded arithmetic."""

    intercepted_binops = frozenset(("*", "**"))

    def __init__(self, *, escape_html: bool) -> None:
        super().__init__(autoescape=escape_html, finalize=_refuse_functions)
        self.globals = {"range": _bounded_range}
        for name in _REMOVED_FILTERS:
            del self.filters[name]
        self.filters["format"] = _format

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        raise SecurityError(f"access to attribute {attribute!r} of {type(obj).__name__!r} object is unsafe")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        guard = _refuse_power if operator == "**" else _refuse_repetition
        guard(left, right)
        return super().call_binop(context, operator, left, right)


def _refuse_functions(value: Any) -> Any:
    """Printing a function would reveal an address of the process."""
    if isinstance(value, _UNPRINTABLE):
        raise SecurityError("a function cannot be printed; call it with ()")
    return value


def _bounded_range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > MAX_RANGE:
        raise OverflowError(f"range() of {len(numbers)} numbers, the limit is {MAX_RANGE}")
    return numbers


def _refuse_power(left: Any, right: Any) -> None:
    for operand in (left, right):
        if isinstance(operand, int | float) and abs(operand) > MAX_POWER_OPERAND:
            raise OverflowError(f"base and exponent of ** may be at most {MAX_POWER_OPERAND}")


def _refuse_repetition(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MAX_INTEGER_BITS:
            raise OverflowError("the product is too large")
        return
    sequence, count = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(sequence, str | bytes | list | tuple) and isinstance(count, int):
        if count > MAX_REPEAT:
            raise OverflowError(f"a sequence may be repeated at most {MAX_REPEAT} times")
        if len(sequence) * count > MAX_OUTPUT:
            raise OverflowError(f"a repeated sequence may have at most {MAX_OUTPUT} elements")


def _format(value: Any, *arguments: Any) -> Any:
    """`number|format("%.2f")`, and Jinja's own order `"%.2f"|format(number)`."""
    if not arguments:
        return value
    pattern = arguments[0]
    if isinstance(pattern, str) and "%" in pattern and not (isinstance(value, str) and "%" in value):
        return pattern % float(value)
    return str(value) % (tuple(map(float, arguments)) if len(arguments) == 1 else arguments)


_SANDBOXES = {escape_html: Sandbox(escape_html=escape_html) for escape_html in (False, True)}


def render(template: str, values: Mapping[str, Any], *, escape_html: bool) -> str:
    """The rendered text; undefined variables render as nothing.

    Raises:
        TemplateError: wrong syntax, a refused operation, any failure while rendering, or too much output.
    """
    if len(template) > MAX_TEMPLATE:
        raise TemplateError(f"Template error: {len(template)} characters, the limit is {MAX_TEMPLATE}.")
    return _guarded(lambda: _generate(_compile(template, escape_html), values))


def render_if_plain(template: str, values: Mapping[str, Any], *, escape_html: bool) -> str | None:
    """Like `render`, but None for a template that needs a process of its own."""
    if len(template) > MAX_PLAIN_TEMPLATE:
        return None
    return _guarded(
        lambda: _generate(_compile(template, escape_html), values) if _is_plain(template, escape_html) else None
    )


def _generate(template: Template, values: Mapping[str, Any]) -> str:
    parts: list[str] = []
    size = 0
    for part in template.generate(values):
        size += len(part)
        if size > MAX_OUTPUT:
            raise OverflowError(f"the text is longer than {MAX_OUTPUT} characters")
        parts.append(part)
    return "".join(parts)


@lru_cache(maxsize=256)
def _compile(template: str, escape_html: bool) -> Template:
    return _SANDBOXES[escape_html].from_string(template)


def _guarded(action: Callable[[], T]) -> T:
    try:
        return action()
    except TemplateError:
        raise
    except TemplateSyntaxError as error:
        raise TemplateError(f"Template error in line {error.lineno}: {error.message}") from None
    except RecursionError:
        raise TemplateError("Template error: nested too deep") from None
    except MemoryError:
        raise TemplateError("Template error: it needs too much memory") from None
    except Exception as error:
        raise TemplateError(f"Template error: {str(error)[:500] or type(error).__name__}") from None


# --- plain templates --------------------------------------------------------------------------------------------------

_MAX_PLAIN_NODES = 200
_MAX_PLAIN_DEPTH = 12
_PLAIN_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.If,
    nodes.CondExpr,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Operand,
)
_PLAIN_FILTERS = frozenset(
    (
        "abs",
        "capitalize",
        "count",
        "d",
        "default",
        "e",
        "escape",
        "first",
        "float",
        "int",
        "last",
        "length",
        "lower",
        "round",
        "safe",
        "string",
        "title",
        "trim",
        "upper",
    )
)
_PLAIN_TESTS = frozenset(("boolean", "defined", "mapping", "none", "number", "sequence", "string", "undefined"))


@lru_cache(maxsize=256)
def _is_plain(template: str, escape_html: bool) -> bool:
    pending: list[tuple[nodes.Node, int]] = [(_SANDBOXES[escape_html].parse(template), 0)]
    seen = 0
    while pending:
        node, depth = pending.pop()
        seen += 1
        if seen > _MAX_PLAIN_NODES or depth > _MAX_PLAIN_DEPTH or not _is_plain_node(node):
            return False
        pending.extend((child, depth + 1) for child in node.iter_child_nodes())
    return True


def _is_plain_node(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Filter):
        arguments_allowed = node.name in ("d", "default") and all(isinstance(a, nodes.Const) for a in node.args)
        return node.name in _PLAIN_FILTERS and (not node.args or arguments_allowed) and not node.kwargs
    if isinstance(node, nodes.Test):
        return node.name in _PLAIN_TESTS and not node.args
    if isinstance(node, nodes.Getitem):
        return isinstance(node.arg, nodes.Const)
    if isinstance(node, nodes.Compare):
        operands = (node.expr, *(operand.expr for operand in node.ops))
        within = any(operand.op in ("in", "notin") for operand in node.ops)
        return not within and any(isinstance(operand, nodes.Const) for operand in operands)
    return isinstance(node, _PLAIN_NODES)

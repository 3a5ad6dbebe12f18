"""What templates may do, and that nothing they do outlives its limits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from activities.templates import MAX_OUTPUT, TemplateError, render, render_if_plain
from infra.template_renderer import TemplateProcesses


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def processes() -> AsyncIterator[TemplateProcesses]:
    pool = TemplateProcesses(time_limit=timedelta(seconds=1), memory_limit_bytes=256 * 1024 * 1024)
    yield pool
    await pool.aclose()


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("{{ a }}{{ missing }}", {"a": None}, "None"),
        ("{{ 3.14159|format('%.2f') }}", {}, "3.14"),
        ("{{ '7'|format('%05.1f') }}", {}, "007.0"),
        ("{{ '%.1f'|format(2) }}", {}, "2.0"),
        ("{{ '%s-%s'|format('a', 'b') }}", {}, "a-b"),
        ("{{ range(3)|list }}", {}, "[0, 1, 2]"),
        ("{{ 'ab' * 2 }}{{ [0] * 2 }}{{ 2 ** 10 }}{{ 6 * 7 }}", {}, "abab[0, 0]102442"),
        ("{{ 1000 ** 1000 > 0 }}", {}, "True"),
        ("{{ d.a.b[0] }}{{ d['a'] }}", {"d": {"a": {"b": ["x"]}}}, "x{'b': ['x']}"),
        ("{% if n > 1 %}many{% else %}one{% endif %}", {"n": 2}, "many"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}", {}, "<1>"),
        ("{{ 'a,b'.split(',')|join('-') }}", {}, "a-b"),
        ("{{ '{:>4}'.format(1) }}", {}, "   1"),
        ("{{ x\x00 if false }}{{ s }}", {"s": "\x00"}, None),
    ],
)
def test_renders(template: str, values: dict[str, Any], text: str | None) -> None:
    if text is None:
        with pytest.raises(TemplateError):
            render(template, values, escape_html=False)
    else:
        assert render(template, values, escape_html=False) == text


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ x.__init__.__globals__ }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ '{x.__class__}'.format_map({'x': 1}) }}",
    "{{ ['{0.__class__}'.format]|map('string')|list }}{{ '{0.__class__}'|map('format') }}{{ ''.__class__ }}",
    "{{ (x|map(attribute='__class__')|list) }}",
    "{{ [x]|map('attr', '__class__')|list }}",
    "{{ range.__globals__ }}",
    "{% macro m() %}{{ caller._func.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{{ joiner }}{{ cycler('a').next() }}",
    "{{ lipsum() }}",
    "{{ namespace(a=1).a }}",
    "{{ dict(a=1).a }}",
    "{{ config.items() }}",
    "{{ x.append(1) }}",
    "{{ d.update({}) }}",
    "{{ x.copy }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'a' %}",
    "{{ x|tojson }}",
    "{{ x|pprint }}",
    "{{ x|urlize }}",
    "{{ d|xmlattr }}",
    "{{ range(10001) }}",
    "{{ range(-1, 10**18) }}",
    "{{ 'a' * 10001 }}",
    "{{ 10001 * 'a' }}",
    "{{ [1] * 10001 }}",
    "{{ ('a' * 10000) * 10000 }}",
    "{{ 2 ** 1001 }}",
    "{{ 1001 ** 2 }}",
    "{{ (2 ** 1000) ** 2 }}",
    "{{ 10.0 ** 1000 }}",
    "{% set n = 2 ** 1000 %}" + "{% set n = n * n %}" * 5 + "{{ n }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "x" * 1_000_001,
    "{% for i in range(10000) %}{{ '%600d'|format(i) }}{% endfor %}",
]


@pytest.mark.parametrize("template", ESCAPES, ids=lambda template: str(template)[:40])
def test_refuses(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(template, {"x": [1], "d": {"a": 1}}, escape_html=False)
    assert len(caught.value.message) < 600
    assert " at 0x" not in caught.value.message


RUNAWAYS = [
    "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
    "{% set a = ['x', 'x'] %}" + "{% set a = [a, a] %}" * 40 + "{{ a }}",
    "{% macro m(a, n) %}{{ m((a, a), n - 1) if n else a }}{% endmacro %}{{ m('x', 60) }}",
    "{{ 1.5|round(1000000000, 'ceil') }}",
    "{% set s = 'xxxxxxxxxx' %}" + "{% set s = s ~ s %}" * 40 + "{{ s|length }}",
    "{{ 'x'.center(2000000000) }}",
    "{{ 'x'|center(2000000000)|length }}",
    "{{ '%2000000000d' % 1 }}",
    "{{ '{:2000000000}'.format(1) }}",
    "{{ (1).to_bytes(2000000000, 'big')|length }}",
    "{{ 'x'|indent(2000000000, true)|length }}",
    "{{ [1]|batch(2000000000, 0)|list|length }}",
    "{{ [1]|slice(2000000000)|list|length }}",
    "{{ ('a' * 10000)|replace('a', 'b' * 10000)|replace('b', 'c' * 10000)|length }}",
]


@pytest.mark.parametrize("template", RUNAWAYS, ids=lambda template: str(template)[:40])
async def test_stops_what_runs_away(template: str, processes: TemplateProcesses) -> None:
    with pytest.raises(TemplateError, match=r"takes longer than 1 seconds|too much memory|nested too deep"):
        await processes.render(template, {}, escape_html=False)
    assert await processes.render("{{ 1 + 1 }}", {}, escape_html=False) == "2"


@pytest.mark.parametrize("template", [t for t in RUNAWAYS + ESCAPES if len(t) < 10_000], ids=lambda t: str(t)[:40])
def test_nothing_dangerous_counts_as_plain(template: str) -> None:
    """In place, a template either goes to a process or fails at once."""
    with contextlib.suppress(TemplateError):
        assert render_if_plain(template, {"x": [1], "d": {"a": 1}}, escape_html=False) is None


@pytest.mark.parametrize(
    "template",
    ["text", "{{ a }}", "{{ b.c[0]|upper }}", "{% if a == 'x' %}{{ a|default('d') }}{% endif %}", "{{ a is defined }}"],
)
def test_everyday_templates_are_plain(template: str) -> None:
    values = {"a": "x", "b": {"c": ["y"]}}
    assert render_if_plain(template, values, escape_html=False) == render(template, values, escape_html=False)


async def test_processes_render_side_by_side(processes: TemplateProcesses) -> None:
    template = "{% for i in range(3) %}{{ x }}{% endfor %}"
    texts = await asyncio.gather(*(processes.render(template, {"x": n}, escape_html=False) for n in range(20)))
    assert texts == [str(n) * 3 for n in range(20)]


@pytest.mark.parametrize("value", ["\x00", "\ud800", "\U0001f600", float("nan"), 10**30, "x" * 1_000_000])
async def test_processes_take_any_value(value: object, processes: TemplateProcesses) -> None:
    text = await processes.render("{{ x }}{{ '\\ud800' }}{{ [1]|sum }}", {"x": value}, escape_html=False)
    assert text.endswith("\ufffd1")


async def test_processes_escape_html(processes: TemplateProcesses) -> None:
    template = "{{ '<' + x }}{{ x|safe }}"
    assert await processes.render(template, {"x": "&"}, escape_html=True) == "&lt;&amp;&"


async def test_a_cancelled_rendering_ends_its_process(processes: TemplateProcesses) -> None:
    task = asyncio.create_task(processes.render(RUNAWAYS[0], {}, escape_html=False))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await processes.render("{{ 2 * 3 }}", {}, escape_html=False) == "6"


async def test_a_closed_pool_starts_again() -> None:
    pool = TemplateProcesses(size=1)
    assert await pool.render("{{ 1 + 1 }}", {}, escape_html=False) == "2"
    await pool.aclose()
    assert await pool.render("{{ 1 + 2 }}", {}, escape_html=False) == "3"
    await pool.aclose()


def test_output_is_capped_in_place_too() -> None:
    with pytest.raises(TemplateError, match="longer than 5000000"):
        render_if_plain("{{ x }}{{ x }}", {"x": "y" * (MAX_OUTPUT - 1)}, escape_html=False)


@given(st.text(alphabet="{}%#|.[]()'\"ab 1+*~-_\n", max_size=60))
def test_any_text_renders_or_is_refused(template: str) -> None:
    with contextlib.suppress(TemplateError):
        assert isinstance(render(template, {"a": 1, "b": ["x"]}, escape_html=False), str)

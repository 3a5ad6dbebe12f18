from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.blocks.text import FillTextTemplateBlock
from activities.templates import TemplateError
from infra.template_renderer import TemplateProcesses
from models.errors import BlockConfigurationError, BlockInputError
from tests.unit.blocks.running import make_context, run_block

LOOP = "{% for item in items %}{{ loop.index }}:{{ item.name|upper }} {% endfor %}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def renderer() -> AsyncIterator[TemplateProcesses]:
    processes = TemplateProcesses()
    yield processes
    await processes.aclose()


async def test_fills_dynamic_values() -> None:
    values = {"format": "Dear {{ name }}, {{ nothing }}{{ n }}", "values_#_name": "Ünï\U0001f600", "values_#_n": [1]}
    assert await run_block(FillTextTemplateBlock, values) == [("output", "Dear Ünï\U0001f600, [1]")]


async def test_escapes_only_on_demand() -> None:
    values = {"format": "{{ x }} {{ x|safe }}", "values": {"x": "<b>"}}
    assert await run_block(FillTextTemplateBlock, values) == [("output", "<b> <b>")]
    assert await run_block(FillTextTemplateBlock, {**values, "escape_html": True}) == [("output", "&lt;b&gt; <b>")]


async def test_loops_render_in_a_process(renderer: TemplateProcesses) -> None:
    values = {"format": LOOP, "values": {"items": [{"name": "a"}, {"name": "b"}]}}
    context = make_context(template_renderer=renderer)
    assert await run_block(FillTextTemplateBlock, values, context=context) == [("output", "1:A 2:B ")]


async def test_loops_need_the_service() -> None:
    with pytest.raises(BlockConfigurationError, match="templates with loops"):
        await run_block(FillTextTemplateBlock, {"format": LOOP, "values": {}})


@pytest.mark.parametrize("format", ["{{ x", "{% if %}", "{{ a.b.c }}", "{{ x|nofilter }}"])
async def test_wrong_templates_fail_the_node(format: str, renderer: TemplateProcesses) -> None:
    context = make_context(template_renderer=renderer)
    with pytest.raises(TemplateError, match="Template error"):
        await run_block(FillTextTemplateBlock, {"format": format, "values": {}}, context=context)


async def test_values_are_required() -> None:
    with pytest.raises(BlockInputError, match="pin 'values' needs a value"):
        await run_block(FillTextTemplateBlock, {"format": "x"})


async def test_values_of_another_type_are_wrapped() -> None:
    assert await run_block(FillTextTemplateBlock, {"format": "{{ value }}", "values": "x"}) == [("output", "x")]

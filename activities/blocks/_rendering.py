"""How blocks render templates."""

from collections.abc import Mapping
from typing import Any, cast

from activities.templates import render_if_plain
from models.blocks import BlockContext
from models.errors import BlockConfigurationError
from models.ports import TemplateRenderer


async def render_template(template: str, values: Mapping[str, Any], *, escape_html: bool, context: BlockContext) -> str:
    """The rendered text.

    Raises:
        TemplateError: the template is wrong, or over a limit of time, memory or output.
        BlockConfigurationError: the process offers no service `template_renderer` for templates with loops or calls.
    """
    text = render_if_plain(template, values, escape_html=escape_html)
    if text is not None:
        return text
    renderer = cast("TemplateRenderer | None", context.services.get("template_renderer"))
    if renderer is None:
        raise BlockConfigurationError("This server renders no templates with loops or calls. Start a worker that does.")
    return await renderer.render(template, values, escape_html=escape_html)

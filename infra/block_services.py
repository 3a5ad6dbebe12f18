"""The services blocks get in their context, in one place, so that whoever runs blocks wires the same ones."""

from collections.abc import Mapping
from typing import Any

from infra.language_model import OpenAICompatibleLanguageModel
from infra.settings import LanguageModelSettings
from infra.template_renderer import TemplateProcesses


class BlockServices:
    """Opens nothing until a block needs it; `aclose` closes what was opened.

    Attributes:
        services: for `BlockContext.services`: `language_model` and `template_renderer` (ports of `models.ports`).
    """

    def __init__(self, language_model: LanguageModelSettings) -> None:
        self._language_model = OpenAICompatibleLanguageModel(language_model)
        self._template_renderer = TemplateProcesses()
        self.services: Mapping[str, Any] = {
            "language_model": self._language_model,
            "template_renderer": self._template_renderer,
        }

    async def aclose(self) -> None:
        await self._language_model.aclose()
        await self._template_renderer.aclose()

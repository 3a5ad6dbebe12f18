"""The services blocks get in their context, in one place, so that whoever runs blocks wires the same ones."""

from collections.abc import Mapping
from typing import Any

from infra.clock import SystemClock
from infra.files import RunFiles
from infra.language_model import OpenAICompatibleLanguageModel
from infra.postgres import Database
from infra.settings import LanguageModelSettings
from infra.stores.collected_rows import PostgresRowBuffer
from infra.stores.key_values import PostgresKeyValueStore
from infra.template_renderer import TemplateProcesses
from models.ports import BlobStore, Clock


class BlockServices:
    """Opens nothing until a block needs it; `aclose` closes what was opened.

    Attributes:
        services: for `BlockContext.services`: `clock`, `file_store`, `key_value_store`, `language_model`,
            `row_buffer` and `template_renderer` (ports of `models.ports`).
    """

    def __init__(
        self,
        language_model: LanguageModelSettings,
        *,
        blobs: BlobStore,
        database: Database,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._language_model = OpenAICompatibleLanguageModel(language_model)
        self._template_renderer = TemplateProcesses()
        self.services: Mapping[str, Any] = {
            "clock": clock,
            "file_store": RunFiles(blobs),
            "key_value_store": PostgresKeyValueStore(database, clock),
            "language_model": self._language_model,
            "row_buffer": PostgresRowBuffer(database),
            "template_renderer": self._template_renderer,
        }

    async def aclose(self) -> None:
        await self._language_model.aclose()
        await self._template_renderer.aclose()

"""`client.presets`."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, given, nothing, one, path_of
from perdure_client.models import GraphExecutionMeta, Preset, PresetPage


class AsyncPresetsCalls:
    """Values saved for a version of a graph. Each method raises NotFound for a preset that is not yours."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self, *, graph_id: str | None = None, page: int = 1, page_size: int = 10) -> Page[Preset]:
        """Your presets, or those for one graph, the latest change first. Pages count from 1 and have at most 50."""
        found = await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "library", "presets"),
                params=given(graph_id=graph_id, page=page, page_size=page_size),
                read=one(PresetPage),
                repeatable=True,
            )
        )
        return Page(tuple(found.presets), found.pagination.total_items)

    async def get(self, preset_id: str) -> Preset:
        """One preset."""
        return await self._transport.call(
            Request(
                method="GET", path=path_of("api", "library", "presets", preset_id), read=one(Preset), repeatable=True
            )
        )

    async def create(
        self,
        graph_id: str,
        graph_version: int,
        name: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        description: str = "",
        is_active: bool = True,
    ) -> Preset:
        """Saves values for a version of a graph; they need not be all that it takes. It is not repeated.

        Raises:
            NotFound: no such version of a graph of yours.
        """
        return await self._create(
            {
                "graph_id": graph_id,
                "graph_version": graph_version,
                "inputs": dict(inputs or {}),
                "credentials": dict(credentials or {}),
                "name": name,
                "description": description,
                "is_active": is_active,
            }
        )

    async def create_from_run(
        self, execution_id: str, name: str, *, description: str = "", is_active: bool = True
    ) -> Preset:
        """Saves graph, version and inputs of a run. It is not repeated.

        Raises:
            NotFound: no such run, or its graph is gone.
        """
        return await self._create(
            {
                "graph_execution_id": execution_id,
                "name": name,
                "description": description,
                "is_active": is_active,
            }
        )

    async def update(
        self,
        preset_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        is_active: bool | None = None,
    ) -> Preset:
        """Changes what is given; `inputs` and `credentials` are replaced as a whole."""
        change: dict[str, Any] = {
            "name": name,
            "description": description,
            "inputs": None if inputs is None else dict(inputs),
            "credentials": None if credentials is None else dict(credentials),
            "is_active": is_active,
        }
        return await self._transport.call(
            Request(
                method="PATCH",
                path=path_of("api", "library", "presets", preset_id),
                body={field: value for field, value in change.items() if value is not None},
                read=one(Preset),
                repeatable=True,
            )
        )

    async def delete(self, preset_id: str) -> None:
        """Deletes a preset; runs that it started stay.

        Raises:
            NotFound: no such preset, or an attempt whose answer was lost has deleted it.
        """
        await self._transport.call(
            Request(
                method="DELETE",
                path=path_of("api", "library", "presets", preset_id),
                read=nothing,
                repeatable=True,
            )
        )

    async def execute(
        self,
        preset_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        credential_inputs: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> GraphExecutionMeta:
        """Starts a run of the version that the preset is for, and answers at once. It is repeated as `client.execute`.

        Args:
            preset_id: the preset.
            inputs: by name; each wins over that of the preset.
            credential_inputs: as `inputs`.
            idempotency_key: as of `client.execute`.

        Raises:
            Conflict: the preset is not active.
            ValidationFailed: the graph cannot run with these inputs, or the key stands for another request.
        """
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "library", "presets", preset_id, "execute"),
                body={"inputs": dict(inputs or {}), "credential_inputs": dict(credential_inputs or {})},
                headers={"Idempotency-Key": idempotency_key or str(uuid4())},
                read=one(GraphExecutionMeta),
                repeatable=True,
            )
        )

    async def _create(self, body: Mapping[str, Any]) -> Preset:
        return await self._transport.call(
            Request(method="POST", path=path_of("api", "library", "presets"), body=dict(body), read=one(Preset))
        )

"""Saving, changing and running presets."""

from collections.abc import Mapping
from typing import Any, Final

from models.errors import PayloadTooLargeError
from models.execution_records import GraphExecutionRecord
from models.ids import GraphExecId, GraphId, PresetId, UserId, new_id
from models.json_values import dump_json
from models.pages import Page, PageRequest
from models.presets import Preset, PresetChange
from models.users import User
from models.value_store import ValueStore
from models.values import Values
from services.gateway.container import Container
from services.gateway.features.presets.schemas import ExecutePresetIn, PresetChangeIn, PresetIn, PresetOfRunIn
from services.gateway.missing import execution_missing, preset_missing, version_missing
from services.gateway.run_request import RunRequest, check_values
from services.gateway.run_starter import RunStarter

MAX_VALUES_BYTES: Final = 512 * 1024
"""Of all inputs of a preset, and of all its credentials: lists show presets in full."""


class PresetService:
    """Presets of one user. Opens its own short units of work: values of a run may have to be fetched in between."""

    def __init__(self, container: Container, starter: RunStarter) -> None:
        self._units = container.units
        self._clock = container.clock
        self._values = ValueStore(container.blobs)
        self._starter = starter

    async def list_of_user(self, user_id: UserId, page: PageRequest, *, graph_id: GraphId | None) -> Page[Preset]:
        """The latest change first."""
        async with self._units() as unit:
            return await unit.presets.list_of_user(user_id, page, graph_id=graph_id)

    async def get(self, user_id: UserId, preset_id: PresetId) -> Preset:
        """Raises NotFoundError."""
        async with self._units() as unit:
            preset = await unit.presets.find(user_id, preset_id)
        if preset is None:
            raise preset_missing(preset_id)
        return preset

    async def create(self, user_id: UserId, given: PresetIn | PresetOfRunIn) -> Preset:
        """Saves values for a version of a graph, or those of a run.

        Raises:
            NotFoundError: not a graph version, or not a run, of this user.
            InvalidRequestError, PayloadTooLargeError: the values are too many, too deep or too large.
        """
        if isinstance(given, PresetOfRunIn):
            given = await self._values_of_run(user_id, given)
        _check(given.inputs, "input")
        _check(given.credentials, "credentials input")
        now = self._clock.now()
        preset = Preset(id=PresetId(new_id()), user_id=user_id, created_at=now, updated_at=now, **given.model_dump())
        async with self._units() as unit:
            if await unit.graphs.find(user_id, preset.graph_id, version=preset.graph_version) is None:
                raise version_missing(preset.graph_id, preset.graph_version)
            await unit.presets.add(preset)
        return preset

    async def change(self, user_id: UserId, preset_id: PresetId, given: PresetChangeIn) -> Preset:
        """Replaces what is given. Raises NotFoundError, InvalidRequestError, PayloadTooLargeError."""
        change = PresetChange(**given.model_dump())
        if change == PresetChange():
            return await self.get(user_id, preset_id)
        _check(change.inputs or {}, "input")
        _check(change.credentials or {}, "credentials input")
        async with self._units() as unit:
            preset = await unit.presets.update(user_id, preset_id, change, now=self._clock.now())
        if preset is None:
            raise preset_missing(preset_id)
        return preset

    async def delete(self, user_id: UserId, preset_id: PresetId) -> None:
        """Deletes a preset, recoverably; its runs stay. Raises NotFoundError."""
        async with self._units() as unit:
            deleted = await unit.presets.delete(user_id, preset_id, now=self._clock.now())
        if not deleted:
            raise preset_missing(preset_id)

    async def execute(
        self, user: User, preset_id: PresetId, given: ExecutePresetIn, *, idempotency_key: str | None
    ) -> GraphExecutionRecord:
        """Runs the version that the preset was saved for. Raises what `RunStarter.start` raises."""
        preset = await self.get(user.id, preset_id)
        request = RunRequest(
            graph_id=preset.graph_id,
            version=preset.graph_version,
            preset_id=preset.id,
            inputs=given.inputs,
            credentials_inputs=given.credential_inputs,
        )
        return await self._starter.start(user, request, idempotency_key=idempotency_key)

    async def _values_of_run(self, user_id: UserId, given: PresetOfRunIn) -> PresetIn:
        async with self._units() as unit:
            run = await unit.executions.find(user_id, GraphExecId(given.graph_execution_id))
        if run is None:
            raise execution_missing(given.graph_execution_id)
        _check_size(_size_of(run.inputs), "input")
        return PresetIn(
            graph_id=run.graph_id,
            graph_version=run.graph_version,
            inputs=await self._values.load_all(run.inputs),
            **given.model_dump(exclude={"graph_execution_id"}),
        )


def _check(values: Mapping[str, Any], what: str) -> None:
    check_values(values, what)
    _check_size(len(dump_json(values)), what)


def _check_size(size: int, what: str) -> None:
    if size > MAX_VALUES_BYTES:
        raise PayloadTooLargeError(
            f"The {what}s have {size} bytes; a preset may have {MAX_VALUES_BYTES}. Give large ones with each run."
        )


def _size_of(values: Values) -> int:
    """Bytes of values, known before large ones are fetched."""
    return sum(value.inline_bytes if value.ref is None else value.ref.size for value in values.values())

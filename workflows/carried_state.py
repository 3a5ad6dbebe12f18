"""State from one run of a workflow to the next: inside continue-as-new if it is small, else through the blob store."""

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.carry_state import CarryingActivities
    from models.ids import NodeId
    from models.values import Value, Values
    from models.wire import CarriedState, StoreValuesInput
    from workflows import options
    from workflows.children import Children
    from workflows.node_executions import NodeExecutions
    from workflows.run_state import RunState
    from workflows.uncancelled import uncancelled
    from workflows.waits import Waits


class RunParts:
    """What of a run is neither dataflow nor report, as JSON."""

    def __init__(self, state: RunState, nodes: NodeExecutions, waits: Waits, children: Children) -> None:
        self._state = state
        self._nodes = nodes
        self._waits = waits
        self._children = children

    def dump(self) -> dict[str, Any]:
        return {
            "waits": self._waits.dump(),
            "queued_children": [wait.graph_exec_id for wait in self._children.queued],
            "failed": self._nodes.failed.dump(),
            "auto_approved": sorted(self._state.auto_approved),
            "timeouts": dict(self._state.timeouts),
            "released": self._state.is_released,
        }

    def load(self, dumped: Mapping[str, Any]) -> None:
        self._state.auto_approved.update(NodeId(node_id) for node_id in dumped["auto_approved"])
        self._state.timeouts.update({NodeId(node_id): seconds for node_id, seconds in dumped["timeouts"].items()})
        self._state.is_released = dumped["released"]
        self._nodes.failed.load(dumped["failed"])
        self._waits.load(dumped["waits"])
        queued = set(dumped.get("queued_children", ()))
        for parked, wait in self._waits.iter_children():
            if wait.graph_exec_id in queued:
                self._children.queued.append(wait)
            elif parked.resolution is None:
                self._children.take_over(wait.graph_exec_id)

    def iter_inputs(self) -> Iterator[Values]:
        yield from self._waits.iter_inputs()
        yield from self._nodes.failed.iter_inputs()


class StateCarrier:
    """Packs the state of a run that is about to continue as new, and unpacks it in the next one."""

    def __init__(self, state: RunState, parts: RunParts, control: Callable[[], Mapping[str, Any]]) -> None:
        """`control` gives what the workflow itself remembers."""
        self._run = state.run
        self._flow = state.flow
        self._report = state.report
        self._parts = parts
        self._control = control

    def dump(self) -> CarriedState:
        return CarriedState(
            dataflow=self._flow.dump(),
            progress=self._report.dump(),
            control={**self._control(), **self._parts.dump()},
        )

    async def store(self, *, max_bytes: int) -> CarriedState:
        """The state with its large parts in the blob store, so that it has at most about `max_bytes`."""
        await self._store_waiting_values()
        state = self.dump()
        text = state.model_dump_json(exclude_unset=True)
        if len(text) <= max_bytes:
            return state
        packed = base64.b64encode(zlib.compress(text.encode(), 1)).decode()
        step = options.CARRIED_PART_BYTES
        parts = [await self._store_all([packed[at : at + step]]) for at in range(0, len(packed), step)]
        return CarriedState(parts=tuple(part for [part] in parts))

    async def _store_waiting_values(self) -> None:
        """Replaces larger values by references, which are used like any other and need not be stored again."""
        found: dict[int, tuple[Value, list[tuple[Values, str]]]] = {}
        for inputs in chain(self._flow.iter_waiting_inputs(), self._parts.iter_inputs()):
            for pin, value in inputs.items():
                if value.ref is None and value.inline_bytes >= options.WORTH_STORING_BYTES:
                    found.setdefault(id(value), (value, []))[1].append((inputs, pin))
        batch: list[tuple[Value, list[tuple[Values, str]]]] = []
        size = 0
        for value, places in found.values():
            if batch and size + value.inline_bytes > options.CARRIED_PART_BYTES:
                await self._replace(batch)
                batch, size = [], 0
            batch.append((value, places))
            size += value.inline_bytes
        if batch:
            await self._replace(batch)

    async def _replace(self, batch: list[tuple[Value, list[tuple[Values, str]]]]) -> None:
        stored = await self._store_all([value.inline for value, _ in batch])
        for (_, places), reference in zip(batch, stored, strict=True):
            for inputs, pin in places:
                inputs[pin] = reference
            if reference.ref is not None:
                self._report.stored_bytes += reference.ref.size

    async def _store_all(self, values: list[object]) -> tuple[Value, ...]:
        stored = await uncancelled(
            workflow.start_activity_method(
                CarryingActivities.store_values,
                StoreValuesInput(run=self._run, values=tuple(values)),
                **options.of_record("Carry a large state"),
            )
        )
        return stored.values


async def load_parts(parts: tuple[Value, ...]) -> CarriedState:
    """The state that `StateCarrier.store` has put into these parts."""
    texts: list[str] = []
    for part in parts:
        loaded = await uncancelled(
            workflow.start_activity_method(
                CarryingActivities.load_carried_part, part, **options.of_record("Carry a large state")
            )
        )
        texts.append(loaded.text)
    return CarriedState.model_validate(json.loads(zlib.decompress(base64.b64decode("".join(texts)))))

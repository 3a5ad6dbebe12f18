"""State that is too large to be carried from one run of a workflow to the next inside its history."""

from temporalio import activity

from activities.heartbeat import heartbeats
from models.value_store import ValueStore
from models.values import Value
from models.wire import CarriedPart, StoredValues, StoreValuesInput


class CarryingActivities:
    """Keeps values in the blob store, where they go with the execution. Every call may be repeated."""

    def __init__(self, *, values: ValueStore) -> None:
        self._values = values

    @activity.defn(name="store_values")
    async def store_values(self, input: StoreValuesInput) -> StoredValues:
        """References to the values, in their order."""
        async with heartbeats():
            stored = [
                await self._values.pack(value, graph_exec_id=input.run.graph_exec_id, force_ref=True)
                for value in input.values
            ]
        return StoredValues(values=tuple(stored))

    @activity.defn(name="load_carried_part")
    async def load_carried_part(self, part: Value) -> CarriedPart:
        """Raises NotFoundError if the blob is gone."""
        async with heartbeats():
            return CarriedPart(text=await self._values.load(part))

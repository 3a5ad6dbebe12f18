"""Values that outlive a run."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any, Final

from activities.blocks._examples import RememberedValues
from activities.blocks._services import get_key_value_store
from models.beside_the_loop import beside_the_loop
from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockEffect,
    BlockExample,
    BlockInput,
    BlockOutput,
    Emission,
    pin,
)
from models.errors import BlockError, ValueTooLargeError
from models.json_values import dump_json, normalise_json
from models.value_store import is_heavy
from models.values import VALUE_LIMIT_BYTES

MAX_KEY_CHARACTERS: Final = 500


class PersistenceScope(StrEnum):
    """Who sees a value, besides its user alone: this agent, or all of the user's agents."""

    WITHIN_AGENT = "within_agent"
    ACROSS_AGENTS = "across_agents"


class PersistInformationInput(BlockInput):
    key: str = pin(description="Name of the value")
    value: Any = pin(description="What to keep; it replaces what was kept under this name")
    scope: PersistenceScope = pin(PersistenceScope.WITHIN_AGENT, description="Who can retrieve it")


class PersistInformationOutput(BlockOutput):
    value: Any = pin(description="The value as it is kept")


class PersistInformationBlock(Block[PersistInformationInput]):
    id = "1d055e55-a2b9-4547-8311-907d05b0304d"
    description = "Keeps a value under a name beyond this run."
    Input = PersistInformationInput
    Output = PersistInformationOutput
    categories = (BlockCategory.DATA,)
    effect = BlockEffect.WRITE
    # Setting a value again changes nothing, so an interrupted attempt may be repeated.
    uses_idempotency_key = True
    examples = (
        BlockExample(
            title="A value of this agent",
            input={"key": "last_seen", "value": {"id": 12}},
            services={"key_value_store": RememberedValues()},
            output=(("value", {"id": 12}),),
        ),
        BlockExample(
            title="A value of all agents",
            input={"key": "language", "value": "nl", "scope": "across_agents"},
            services={"key_value_store": RememberedValues()},
            output=(("value", "nl"),),
        ),
    )

    async def run(self, input: PersistInformationInput, context: BlockContext) -> AsyncIterator[Emission]:
        value = await beside_the_loop(is_heavy(input.value), _storable, input.value)
        store = get_key_value_store(context)
        await store.put(context.user_id, _storage_key(input.key, input.scope, context), value)
        yield "value", value


class RetrieveInformationInput(BlockInput):
    key: str = pin(description="Name of the value")
    scope: PersistenceScope = pin(PersistenceScope.WITHIN_AGENT, description="Who could keep it")
    default_value: Any = pin(None, description="What to emit if there is no value")


class RetrieveInformationOutput(BlockOutput):
    value: Any = pin(description="The value, or the default")


class RetrieveInformationBlock(Block[RetrieveInformationInput]):
    id = "d8710fc9-6e29-481e-a7d5-165eb16f8471"
    description = "Gives the value that was kept under a name."
    Input = RetrieveInformationInput
    Output = RetrieveInformationOutput
    categories = (BlockCategory.DATA,)
    static_output = True
    effect = BlockEffect.READ
    examples = (
        BlockExample(
            title="A value that was kept",
            input={"key": "last_seen"},
            services={"key_value_store": RememberedValues({("user", "agent#graph#last_seen"): {"id": 12}})},
            output=(("value", {"id": 12}),),
        ),
        BlockExample(
            title="No value in this scope",
            input={"key": "last_seen", "scope": "across_agents", "default_value": 0},
            services={"key_value_store": RememberedValues({("user", "agent#graph#last_seen"): {"id": 12}})},
            output=(("value", 0),),
        ),
    )

    async def run(self, input: RetrieveInformationInput, context: BlockContext) -> AsyncIterator[Emission]:
        store = get_key_value_store(context)
        value = await store.find(context.user_id, _storage_key(input.key, input.scope, context))
        yield "value", input.default_value if value is None else value


def _storable(given: object) -> Any:
    value = normalise_json(given)
    size = len(dump_json(value))
    if size > VALUE_LIMIT_BYTES:
        raise ValueTooLargeError(f"The value has {size} bytes; the limit is {VALUE_LIMIT_BYTES} bytes.")
    return value


def _storage_key(key: str, scope: PersistenceScope, context: BlockContext) -> str:
    if len(key) > MAX_KEY_CHARACTERS:
        raise BlockError(f"The key has {len(key)} characters; the limit is {MAX_KEY_CHARACTERS}. Shorten it.")
    key = normalise_json(key)
    return f"agent#{context.graph_id}#{key}" if scope is PersistenceScope.WITHIN_AGENT else f"global#{key}"

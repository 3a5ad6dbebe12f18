"""The Block contract: what a block declares and how it is run. No I/O.

A block is one class with two nested pydantic models, `Input` and `Output`; a pin is a field of them.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from models.ids import GraphExecId, GraphId, NodeExecId, NodeId, UserId
from models.json_schema import inline_schema
from models.pins import ERROR_PIN, base_name
from models.waits import WaitEnd, WaitRequest


class BlockKind(StrEnum):
    """What a block is to the engine and to the console; the value is the `uiType` clients see."""

    STANDARD = "Standard"
    INPUT = "Input"
    OUTPUT = "Output"
    NOTE = "Note"
    AGENT = "Agent"
    AI = "AI"
    WEBHOOK = "Webhook"
    WEBHOOK_MANUAL = "Webhook (manual)"
    HUMAN_IN_THE_LOOP = "Human In The Loop"
    MCP_TOOL = "MCP Tool"


class ExecutorKind(StrEnum):
    """What the engine does when a node of the block fires."""

    ACTIVITY = "activity"
    TIMER = "timer"
    REVIEW = "review"
    EVENT_WAIT = "event_wait"
    CHILD = "child"
    SKIP = "skip"
    STEPPED = "stepped"


class BlockEffect(StrEnum):
    """What running a block does to the world; decides what may be repeated after a crash or an error."""

    PURE = "pure"
    READ = "read"
    WRITE = "write"


class BlockCategory(StrEnum):
    """The value is the description clients see; the name is the category."""

    AI = "Block that leverages AI to perform a task."
    SOCIAL = "Block that interacts with social media platforms."
    TEXT = "Block that processes text data."
    SEARCH = "Block that searches or extracts information from the internet."
    BASIC = "Block that performs basic operations."
    INPUT = "Block that interacts with input of the graph."
    OUTPUT = "Block that interacts with output of the graph."
    LOGIC = "Programming logic to control the flow of your agent"
    COMMUNICATION = "Block that interacts with communication platforms."
    DEVELOPER_TOOLS = "Developer tools such as GitHub blocks."
    DATA = "Block that interacts with structured data."
    HARDWARE = "Block that interacts with hardware."
    AGENT = "Block that interacts with other agents."
    CRM = "Block that interacts with CRM services."
    SAFETY = "Block that provides AI safety mechanisms such as detecting harmful content"
    PRODUCTIVITY = "Block that helps with productivity"
    ISSUE_TRACKING = "Block that helps with issue tracking"
    MULTIMEDIA = "Block that interacts with multimedia content"
    MARKETING = "Block that helps with marketing"


class BlockCost(BaseModel):
    """Credits (cents) charged when every key of `cost_filter` matches the input."""

    model_config = ConfigDict(frozen=True)

    cost_amount: int
    cost_filter: dict[str, Any] = Field(default_factory=dict)
    cost_type: str = "run"


class BlockInput(BaseModel):
    """Base of every `Input` model. Unknown pins are ignored, so that old exports keep working."""

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=False)


class BlockOutput(BaseModel):
    """Base of every `Output` model that reports failures; blocks whose pins are named by users omit `error`."""

    error: str = Field(default="", description="What went wrong, if the block failed")


class OutputWithoutError(BaseModel):
    """Base of the `Output` of blocks that declare no `error` pin (a failure is still routed on it)."""


def pin(default: Any = ..., *, advanced: bool | None = None, secret: bool = False, **attributes: Any) -> Any:
    """A pydantic field with the pin attributes clients know.

    Args:
        default: the pin's constant when nothing is linked or set; without one the pin is required.
        advanced: hidden behind "advanced" in forms; by default true exactly for pins with a default.
        secret: masked in forms, stripped from exports.
        attributes: `title`, `description`, numeric limits as for pydantic's Field, and the schema extras
            `placeholder`, `hidden`, `depends_on`, `format`.
    """
    extras = {
        key: attributes.pop(key) for key in ("placeholder", "hidden", "depends_on", "format") if key in attributes
    }
    extras["secret"] = secret
    extras["advanced"] = (default is not ...) if advanced is None else advanced
    if isinstance(default, list | dict):
        return Field(default_factory=default.copy, json_schema_extra={**extras, "default": default}, **attributes)
    return Field(default, json_schema_extra=extras, **attributes)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how soon, a failed attempt of a block is repeated when its error is retryable."""

    max_attempts: int = 1
    initial_seconds: float = 1.0
    backoff: float = 2.0
    max_seconds: float = 60.0


RETRY_NEVER = RetryPolicy(max_attempts=1)
RETRY_TRANSIENT = RetryPolicy(max_attempts=4)


async def _no_heartbeat() -> None:
    return None


@dataclass(frozen=True, slots=True)
class BlockContext:
    """What a running block may know and use besides its input.

    Attributes:
        idempotency_key: the same for every attempt of one node execution; hand it to third parties that support one.
        heartbeat: tells the engine that the block is alive; the wrapper already does so every second, so only a
            block that wants to notice cancellation at a certain point needs it.
        services: ports for what a block may not do itself, by name (for example `language_model`).
        human_in_the_loop_safe_mode: False: reviews are passed over.
        auto_approved: a reviewer has approved this and all later executions of the node.
    """

    user_id: UserId
    graph_id: GraphId
    graph_version: int
    graph_exec_id: GraphExecId
    node_id: NodeId
    node_exec_id: NodeExecId
    idempotency_key: str
    attempt: int = 1
    user_timezone: str = "UTC"
    heartbeat: Callable[[], Awaitable[None]] = _no_heartbeat
    services: Mapping[str, Any] = field(default_factory=dict[str, Any])
    human_in_the_loop_safe_mode: bool = True
    auto_approved: bool = False


InputT = TypeVar("InputT", bound=BaseModel)
Emission = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class BlockExample:
    """A declared example of a block: shown in the block reference, and run by the base test of blocks.

    Attributes:
        input: by pin, as a graph gives it (dynamic pins allowed).
        output: the emissions in their order. Instead of a value there may be a function that tells whether a value is
            right, where the value depends on the clock or on chance.
        services: services the block finds in its context, beside or instead of those every test gives.
        error: a part of the message the block fails with after these emissions; None if it does not fail.
    """

    input: Mapping[str, Any]
    output: tuple[tuple[str, "Any | Callable[[Any], bool]"], ...] = ()
    title: str = ""
    services: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None


class Block(ABC, Generic[InputT]):
    """Base of all blocks. Instances hold no state; one is made per class.

    Class attributes:
        id: stable UUID text (upstream ids are kept, including a few that are no valid UUIDs).
        aliases: further ids a graph may use, besides `snake_case` of the class name.
        legacy_pins: input pins of old exports, which the input model translates but does not declare.
        effect: see BlockEffect; WRITE blocks are never repeated silently unless `uses_idempotency_key`.
        timeout: wall clock of one attempt; `metadata.timeout_seconds` of a node overrides it.
        retry: None means the default of the effect.
        static_output: links out of this block are static.
        webhook_provider: whose calls a WEBHOOK_MANUAL block waits for; others name it with their credentials.
        disabled: visible, but refused on every path; the text says what is missing.
        examples: what the block reference shows and the base test of blocks runs.
        executor: what the engine does when a node of the block fires.
        is_sensitive_action: where `sensitive_action_safe_mode` is on, a person sees the input before the block runs.
        streams: its emissions are routed while it runs.
        replayable_stream: run again with the same input, it emits the same values in the same order, so that it may be
            repeated although some of them were routed.
    """

    id: ClassVar[str]
    description: ClassVar[str]
    Input: ClassVar[type[BaseModel]]
    Output: ClassVar[type[BaseModel]]
    categories: ClassVar[tuple[BlockCategory, ...]] = ()
    kind: ClassVar[BlockKind] = BlockKind.STANDARD
    effect: ClassVar[BlockEffect] = BlockEffect.PURE
    static_output: ClassVar[bool] = False
    costs: ClassVar[tuple[BlockCost, ...]] = ()
    contributors: ClassVar[tuple[str, ...]] = ()
    aliases: ClassVar[tuple[str, ...]] = ()
    legacy_pins: ClassVar[tuple[str, ...]] = ()
    timeout: ClassVar[timedelta] = timedelta(minutes=30)
    retry: ClassVar[RetryPolicy | None] = None
    uses_idempotency_key: ClassVar[bool] = False
    disabled: ClassVar[str | None] = None
    is_sensitive_action: ClassVar[bool] = False
    webhook_provider: ClassVar[str | None] = None
    examples: ClassVar[tuple[BlockExample, ...]] = ()
    executor: ClassVar[ExecutorKind] = ExecutorKind.ACTIVITY
    streams: ClassVar[bool] = False
    replayable_stream: ClassVar[bool] = False

    @abstractmethod
    def run(self, input: InputT, context: BlockContext) -> AsyncIterator[Emission]:
        """Yields `(pin, value)` pairs in the order they are to be routed.

        Raises:
            BlockError: the node execution fails with this message. Any other exception fails it too.
                Yielding on `error` does the same.
        """

    @classmethod
    def name(cls) -> str:
        """Class name; clients show it without the ending "Block"."""
        return cls.__name__

    @classmethod
    def retry_policy(cls) -> RetryPolicy:
        if cls.retry is not None:
            return cls.retry
        repeatable = cls.effect is not BlockEffect.WRITE or cls.uses_idempotency_key
        return RETRY_TRANSIENT if repeatable else RETRY_NEVER

    @classmethod
    def needs_claim(cls) -> bool:
        """Whether an attempt that was interrupted must not be repeated: its effect may have happened."""
        return cls.effect is BlockEffect.WRITE and not cls.uses_idempotency_key

    @classmethod
    @cache
    def input_schema(cls) -> dict[str, Any]:
        """JSON schema of the input with references inlined."""
        return inline_schema(cls.Input.model_json_schema())

    @classmethod
    @cache
    def output_schema(cls) -> dict[str, Any]:
        return inline_schema(cls.Output.model_json_schema(mode="serialization"))

    @classmethod
    def required_pins(cls, input_default: Mapping[str, Any]) -> tuple[str, ...]:
        """Pins without a default, which a node must have linked, set or masked to run."""
        return tuple(name for name, info in cls.Input.model_fields.items() if info.is_required())

    @classmethod
    def has_input_pin(cls, pin_name: str, input_default: Mapping[str, Any]) -> bool:
        """Whether a link may end in `pin_name` (already without its dynamic part)."""
        if pin_name in cls.Input.model_fields or pin_name in cls.legacy_pins:
            return True
        return cls.Input.model_config.get("extra") == "allow"

    @classmethod
    def has_output_pin(cls, pin_name: str, input_default: Mapping[str, Any]) -> bool:
        """Whether a link may start at `pin_name` (already without its dynamic part)."""
        return pin_name in cls.Output.model_fields or pin_name == ERROR_PIN

    @classmethod
    def graph_pin_name(cls, input_default: Mapping[str, Any]) -> str | None:
        """For INPUT and OUTPUT blocks: the name of the graph's input or output this node declares."""
        name = input_default.get("name")
        return str(name) if name not in (None, "") else None

    @classmethod
    def graph_value_schema(cls, input_default: Mapping[str, Any]) -> dict[str, Any]:
        """For INPUT and OUTPUT blocks: the schema of what the graph's input or output takes, as this node is set up."""
        return dict(cls.input_schema().get("properties", {}).get("value", {}))

    @classmethod
    def check_emission(cls, pin_name: str, input: BaseModel) -> bool:
        """Whether the running block may emit on `pin_name`."""
        return base_name(pin_name) in cls.Output.model_fields or pin_name == ERROR_PIN


class WaitingBlock(Block[InputT]):
    """A block that waits for time, people, events or another agent, without running meanwhile.

    In a graph the engine calls `plan_wait` instead of `run`, and `resume` when the wait is over. A Delay needs no
    `resume`: it says beforehand what it emits.
    """

    @abstractmethod
    async def plan_wait(self, input: InputT, context: BlockContext) -> WaitRequest:
        """What to wait for. Called again if a worker dies meanwhile.

        Raises:
            BlockError: the node execution fails with this message.
        """

    def resume(self, input: InputT, end: WaitEnd, context: BlockContext) -> AsyncIterator[Emission]:
        """Yields `(pin, value)` pairs after the wait; as `run`."""
        raise NotImplementedError(f"{self.name()} waits for more than time, and does not say what it emits then.")

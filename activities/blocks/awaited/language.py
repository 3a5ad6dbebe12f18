"""Blocks that ask language models."""

from typing import Any, Literal

from activities.blocks.awaited._declaring import awaited, missing
from activities.blocks.awaited._language_models import (
    credentials_pin,
    max_tokens_pin,
    model_pin,
    ollama_host_pin,
    prompt_values_pin,
)
from models.blocks import BlockCategory, BlockKind, pin

_MODELS = missing("clients of the providers of language models, and a store of credentials")

_Messages = list[dict[str, Any]] | None

AIStructuredResponseGeneratorBlock = awaited(
    __name__,
    "AIStructuredResponseGeneratorBlock",
    id="ed55ac19-356e-4243-a6cb-bc599e9b716f",
    description="Asks a language model for an object with given keys.",
    categories=(BlockCategory.AI,),
    disabled=_MODELS,
    inputs={
        "prompt": (str, pin(description="The question")),
        "expected_format": (dict[str, str], pin(description="Key of the answer -> what it is to hold")),
        "list_result": (bool, pin(False, description="Ask for a list of such objects")),
        **model_pin(),
        "force_json_output": (
            bool,
            pin(False, title="Restrict LLM to pure JSON output", description="Allow the model nothing but JSON"),
        ),
        **credentials_pin(),
        "sys_prompt": (str, pin("", description="Instructions for the model")),
        "conversation_history": (_Messages, pin([], description="Messages before the question")),
        "retry": (int, pin(3, description="How often to ask until the answer has the right form")),
        **prompt_values_pin(),
        **max_tokens_pin(),
        "compress_prompt_to_fit": (bool, pin(True, description="Shorten a prompt that is too long for the model")),
        **ollama_host_pin(),
    },
    outputs={
        "response": (dict[str, Any] | list[dict[str, Any]], pin(description="The answer")),
        "prompt": (list[Any], pin(description="The messages that were sent")),
    },
)

AITextGeneratorBlock = awaited(
    __name__,
    "AITextGeneratorBlock",
    id="1f292d4a-41a4-4977-9684-7c8d560b9f91",
    description="Asks a language model for a text.",
    categories=(BlockCategory.AI,),
    disabled=_MODELS,
    inputs={
        "prompt": (str, pin(description="The question")),
        **model_pin(),
        **credentials_pin(),
        "sys_prompt": (str, pin("", description="Instructions for the model")),
        "retry": (int, pin(3, description="How often to ask until there is an answer")),
        **prompt_values_pin(),
        **ollama_host_pin(),
        **max_tokens_pin(),
    },
    outputs={
        "response": (str, pin(description="The answer")),
        "prompt": (list[Any], pin(description="The messages that were sent")),
    },
)

AITextSummarizerBlock = awaited(
    __name__,
    "AITextSummarizerBlock",
    id="a0a69be1-4528-491c-a85a-a4ab6873e3f0",
    description="Has a language model summarise a text of any length.",
    categories=(BlockCategory.AI, BlockCategory.TEXT),
    disabled=_MODELS,
    inputs={
        "text": (str, pin(description="The text")),
        **model_pin(advanced=True),
        "focus": (str, pin("general information", description="What matters in the summary")),
        "style": (
            Literal["concise", "detailed", "bullet points", "numbered list"],
            pin("concise", description="Form of the summary"),
        ),
        **credentials_pin(),
        "max_tokens": (int, pin(4096, ge=1, description="Most words of one part of the text")),
        "chunk_overlap": (int, pin(100, ge=0, description="Words that two parts have in common")),
        **ollama_host_pin(),
    },
    outputs={
        "summary": (str, pin(description="The summary")),
        "prompt": (list[Any], pin(description="The messages that were sent")),
    },
)

AIConversationBlock = awaited(
    __name__,
    "AIConversationBlock",
    id="32a87eab-381e-4dd4-bdb8-4c47151be35a",
    description="Continues a conversation with a language model.",
    categories=(BlockCategory.AI,),
    disabled=_MODELS,
    inputs={
        "prompt": (str, pin("", advanced=False, description="A last message to add")),
        "messages": (list[Any], pin(description="The conversation: objects with `role` and `content`")),
        **model_pin(advanced=True),
        **credentials_pin(),
        **max_tokens_pin(),
        **ollama_host_pin(),
    },
    outputs={
        "response": (str, pin(description="The answer")),
        "prompt": (list[Any], pin(description="The messages that were sent")),
    },
)

AIListGeneratorBlock = awaited(
    __name__,
    "AIListGeneratorBlock",
    id="9c0b0450-d199-458b-a731-072189dd6593",
    description="Has a language model make a list of texts.",
    categories=(BlockCategory.AI, BlockCategory.TEXT),
    disabled=_MODELS,
    inputs={
        "focus": (str | None, pin(None, advanced=False, description="What the list is to hold")),
        "source_data": (str | None, pin(None, advanced=False, description="A text to take it from")),
        **model_pin(advanced=True),
        **credentials_pin(),
        "max_retries": (int, pin(3, ge=1, le=5, description="How often to ask until the answer is a list")),
        "force_json_output": (bool, pin(False, description="Allow the model nothing but JSON")),
        **max_tokens_pin(),
        **ollama_host_pin(),
    },
    outputs={
        "generated_list": (list[str], pin(description="The list")),
        "list_item": (str, pin(description="Its items, one after the other")),
        "prompt": (list[Any], pin(description="The messages that were sent")),
    },
)

AIConditionBlock = awaited(
    __name__,
    "AIConditionBlock",
    id="553ec5b8-6c45-4299-8d75-b394d05f72ff",
    description="Has a language model decide on which of two branches to continue.",
    categories=(BlockCategory.AI, BlockCategory.LOGIC),
    disabled=_MODELS,
    inputs={
        "input_value": (Any, pin(description="What to judge")),
        "condition": (str, pin(description="The condition in words")),
        "yes_value": (Any, pin(None, description="Emitted if it holds; by default what was judged")),
        "no_value": (Any, pin(None, description="Emitted if it does not; by default what was judged")),
        **model_pin(),
        **credentials_pin(),
    },
    outputs={
        "result": (bool, pin(description="Whether it holds")),
        "yes_output": (Any, pin(description="Emitted only if it holds")),
        "no_output": (Any, pin(description="Emitted only if it does not hold")),
    },
)

OrchestratorBlock = awaited(
    __name__,
    "OrchestratorBlock",
    id="3b191d9f-356f-482d-8238-ba04b6d18381",
    aliases=("smart_decision_maker_block",),
    description="Has a language model choose which of the linked nodes to use as tools, and with which arguments.",
    categories=(BlockCategory.AI,),
    kind=BlockKind.AI,
    disabled=missing(
        "clients of the providers of language models, steps in which a block uses other nodes, and a store of "
        "credentials"
    ),
    inputs={
        "prompt": (str, pin(description="The task")),
        **model_pin(),
        **credentials_pin(),
        "multiple_tool_calls": (bool, pin(False, description="Let the model use several tools at once")),
        "sys_prompt": (
            str,
            pin(
                "Decide which of the given functions helps with the task, and call it with all arguments it requires. "
                "Ask for what is missing instead of making it up.",
                description="Instructions for the model",
            ),
        ),
        "conversation_history": (_Messages, pin([], description="Messages before the task")),
        "last_tool_output": (Any, pin(None, description="What the tool used last has answered")),
        "retry": (int, pin(3, description="How often to ask until the arguments are right")),
        **prompt_values_pin(),
        **max_tokens_pin(),
        **ollama_host_pin(),
        "agent_mode_max_iterations": (
            int,
            pin(0, description="Rounds in which the block uses tools itself: 0 for none, -1 until it is done"),
        ),
        "execution_mode": (
            Literal["built_in", "extended_thinking"],
            pin("built_in", description="How the rounds are driven"),
        ),
        "conversation_compaction": (bool, pin(True, description="Shorten a conversation that grows too long")),
    },
    outputs={
        "tools": (Any, pin(description="Arguments for the nodes linked to it")),
        "finished": (str, pin(description="The answer, once no tool is needed")),
        "conversations": (list[Any], pin(description="The conversation so far")),
    },
)


AutoPilotBlock = awaited(
    __name__,
    "AutoPilotBlock",
    id="c069dc6b-c3ed-4c12-b6e5-d47361e64ce6",
    description="Gives a task to the assistant of the platform.",
    categories=(BlockCategory.AI, BlockCategory.AGENT),
    disabled=missing("an assistant"),
    inputs={
        "prompt": (str, pin(description="The task")),
        "system_context": (str, pin("", description="What the assistant is to know")),
        "transport": (
            Literal["platform", "codex_app_server"],
            pin("platform", description="Who drives the assistant"),
        ),
        "session_id": (str, pin("", description="A session to continue")),
        "max_recursion_depth": (int, pin(3, description="How deep assistants may call each other")),
        "tools": (list[str], pin([], description="Tools it may not use, or the only ones")),
        "tools_exclude": (bool, pin(True, description="Whether the tools named are those it may not use")),
        "blocks": (list[str], pin([], description="Blocks it may not use, or the only ones")),
        "blocks_exclude": (bool, pin(True, description="Whether the blocks named are those it may not use")),
        "dry_run": (bool, pin(False, description="Simulate what blocks do")),
    },
    outputs={
        "response": (str, pin(description="The answer")),
        "tool_calls": (list[dict[str, Any]], pin(description="The tools it used")),
        "conversation_history": (str, pin(description="The conversation as JSON text")),
        "session_id": (str, pin(description="The session, to be continued")),
        "token_usage": (dict[str, Any], pin(description="Tokens sent and received")),
    },
)

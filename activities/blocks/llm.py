"""Language models."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from pydantic import ConfigDict

from activities.blocks._examples import CannedLanguageModel
from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockEffect,
    BlockExample,
    BlockInput,
    BlockKind,
    BlockOutput,
    Emission,
)
from models.blocks import pin as block_pin
from models.coercion import to_text
from models.errors import BlockConfigurationError
from models.ports import LanguageModel

_VARIABLE = re.compile(r"(?<!\{)\{([^{}]+)\}")


def fill_prompt(prompt: str, variables: Mapping[str, Any]) -> str:
    """`prompt` with every `{name}` of a variable replaced, once: braces inside values mean nothing.

    Unknown names and doubled braces stay as they are. Values that are not text become JSON.
    """
    return _VARIABLE.sub(
        lambda match: to_text(variables[match[1]]) if match[1] in variables else match[0],
        prompt,
    )


class LLMCallInput(BlockInput):
    model_config = ConfigDict(extra="allow")

    prompt: str = block_pin(description="The prompt; {pin} is replaced by what arrives on that pin")
    model: str | None = block_pin(None, advanced=False, description="Model; the server's default if there is none")
    max_tokens: int | None = block_pin(None, ge=1, description="Most tokens of the answer")
    temperature: float | None = block_pin(None, ge=0, le=2, description="Randomness of the answer")


class LLMCallOutput(BlockOutput):
    response: str = block_pin(description="The model's answer")


class LLMCallBlock(Block[LLMCallInput]):
    """Every further input pin is a variable of the prompt."""

    id = "39075a8a-ec6d-4375-8d95-1fb754b26b68"
    description = "Asks a language model."
    Input = LLMCallInput
    Output = LLMCallOutput
    categories = (BlockCategory.AI,)
    kind = BlockKind.AI
    effect = BlockEffect.READ
    examples = (
        BlockExample(
            title="Further pins are variables of the prompt",
            input={"prompt": "Translate into French: {text}", "text": "Good day"},
            output=(("response", "You said: Translate into French: Good day"),),
            services={"language_model": CannedLanguageModel("You said: ")},
        ),
    )

    async def run(self, input: LLMCallInput, context: BlockContext) -> AsyncIterator[Emission]:
        language_model = cast("LanguageModel | None", context.services.get("language_model"))
        if language_model is None:
            raise BlockConfigurationError("This server offers no language model. Set OPENAI_API_KEY and restart it.")
        answer = await language_model.complete(
            fill_prompt(input.prompt, input.model_extra or {}),
            model=input.model or None,
            max_tokens=input.max_tokens,
            temperature=input.temperature,
        )
        yield "response", answer.text

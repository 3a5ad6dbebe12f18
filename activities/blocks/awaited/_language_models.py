"""The language models that AI blocks of exported graphs name, and who provides them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import WithJsonSchema

from activities.blocks._credentials import credentials_of
from models.blocks import pin

DEFAULT_MODEL: Final = "gpt-5.2-2025-12-11"

_MODELS_BY_PROVIDER: Final[Mapping[str, str]] = {
    "aiml_api": """
        Qwen/Qwen2.5-72B-Instruct-Turbo meta-llama/Llama-3.2-3B-Instruct-Turbo
        meta-llama/Llama-3.3-70B-Instruct-Turbo meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo
        nvidia/llama-3.1-nemotron-70b-instruct
    """,
    "anthropic": """
        claude-3-7-sonnet-20250219 claude-3-haiku-20240307 claude-haiku-4-5-20251001 claude-opus-4-1-20250805
        claude-opus-4-20250514 claude-opus-4-5-20251101 claude-sonnet-4-20250514 claude-sonnet-4-5-20250929
        claude-opus-4-6
    """,
    "groq": "llama-3.1-8b-instant llama-3.3-70b-versatile",
    "ollama": "dolphin-mistral:latest llama3 llama3.1:405b llama3.2 llama3.3",
    "openai": """
        gpt-3.5-turbo gpt-4-turbo gpt-4.1-2025-04-14 gpt-4.1-mini-2025-04-14 gpt-4o gpt-4o-mini gpt-5-2025-08-07
        gpt-5-chat-latest gpt-5-mini-2025-08-07 gpt-5-nano-2025-08-07 gpt-5.1-2025-11-13 o1 o1-mini o3-2025-04-16
        o3-mini
    """,
    "open_router": """
        amazon/nova-lite-v1 amazon/nova-micro-v1 amazon/nova-pro-v1 cohere/command-r-08-2024
        cohere/command-r-plus-08-2024 deepseek/deepseek-chat deepseek/deepseek-r1-0528 google/gemini-2.0-flash-001
        google/gemini-2.0-flash-lite-001 google/gemini-2.5-flash google/gemini-2.5-flash-lite-preview-06-17
        google/gemini-2.5-pro-preview-03-25 google/gemini-3-pro-preview gryphe/mythomax-l2-13b
        meta-llama/llama-4-maverick meta-llama/llama-4-scout microsoft/wizardlm-2-8x22b mistralai/mistral-nemo
        moonshotai/kimi-k2 nousresearch/hermes-3-llama-3.1-405b nousresearch/hermes-3-llama-3.1-70b
        openai/gpt-oss-120b openai/gpt-oss-20b perplexity/sonar perplexity/sonar-deep-research perplexity/sonar-pro
        qwen/qwen3-235b-a22b-thinking-2507 qwen/qwen3-coder x-ai/grok-4 x-ai/grok-4-fast x-ai/grok-4.1-fast
        x-ai/grok-code-fast-1
    """,
    "llama_api": """
        Llama-3.3-70B-Instruct Llama-3.3-8B-Instruct Llama-4-Maverick-17B-128E-Instruct-FP8
        Llama-4-Scout-17B-16E-Instruct-FP8
    """,
    "v0": "v0-1.0-md v0-1.5-lg v0-1.5-md",
}

_CHOICES: Final = """
    o3-mini o3-2025-04-16 gpt-5.2-2025-12-11 gpt-5.1-2025-11-13 gpt-5-2025-08-07 gpt-5-mini-2025-08-07 o4-mini o3-pro
    o1 o1-mini gpt-6-astra gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna gpt-5.5-2026-04-23 gpt-5.5-pro gpt-5.4-2026-03-05
    gpt-5.4-mini-2026-03-17 gpt-5.4-nano-2026-03-17 gpt-5.4-pro gpt-5.3-chat-latest gpt-5.3-codex gpt-5.2-pro
    gpt-5.1-codex gpt-5-pro gpt-4.1-nano gpt-5-nano-2025-08-07 gpt-5-chat-latest gpt-4.1-2025-04-14
    gpt-4.1-mini-2025-04-14 gpt-4o-mini gpt-4o claude-opus-4-5-20251101 claude-sonnet-4-5-20250929
    claude-haiku-4-5-20251001 claude-opus-4-6 claude-opus-4-7 claude-opus-5 claude-sonnet-4-6 claude-sonnet-5
    claude-fable-5-1 meta-llama/Llama-3.3-70B-Instruct-Turbo llama-3.3-70b-versatile llama-3.1-8b-instant llama3.3
    llama3.2 llama3 llama3.1:405b dolphin-mistral:latest openai/gpt-oss-120b openai/gpt-oss-20b google/gemini-2.5-pro
    google/gemini-3.1-pro-preview google/gemini-3-flash-preview google/gemini-2.5-flash google/gemini-2.0-flash-001
    google/gemini-3.1-flash-lite-preview google/gemini-3.8-flash google/gemini-2.5-flash-lite
    google/gemini-2.0-flash-lite-001 mistralai/mistral-large-2512 mistralai/mistral-medium-3.1
    mistralai/mistral-small-3.2-24b-instruct mistralai/codestral-2508 cohere/command-a-03-2025
    cohere/command-a-translate-08-2025 cohere/command-a-reasoning-08-2025 cohere/command-a-vision-07-2025
    deepseek/deepseek-chat deepseek/deepseek-r1-0528 deepseek/deepseek-v4.1-flash perplexity/sonar
    perplexity/sonar-pro perplexity/sonar-reasoning-pro perplexity/sonar-deep-research
    nousresearch/hermes-3-llama-3.1-405b nousresearch/hermes-3-llama-3.1-70b amazon/nova-lite-v1 amazon/nova-micro-v1
    amazon/nova-pro-v1 microsoft/phi-4 gryphe/mythomax-l2-13b meta-llama/llama-4-scout meta-llama/llama-4-maverick
    meta/muse-spark-1.3 meta/muse-spark-1.3-contributor x-ai/grok-3 x-ai/grok-4 x-ai/grok-4-fast x-ai/grok-4.1-fast
    x-ai/grok-4.20 x-ai/grok-4.20-multi-agent x-ai/grok-code-fast-1 moonshotai/kimi-k2.5 moonshotai/kimi-k2.6
    moonshotai/kimi-k2-thinking moonshotai/kimi-k3 qwen/qwen3-235b-a22b-thinking-2507 qwen/qwen3-coder
    qwen/qwen3.8-max-0902 z-ai/glm-4.6 z-ai/glm-4.6v z-ai/glm-4.7 z-ai/glm-4.7-flash z-ai/glm-5 z-ai/glm-5-turbo
    z-ai/glm-5v-turbo sakana/fugu-ultra-v2 inception/mercury-2.5 unbiased/pareto Llama-4-Scout-17B-16E-Instruct-FP8
    Llama-4-Maverick-17B-128E-Instruct-FP8 Llama-3.3-8B-Instruct Llama-3.3-70B-Instruct v0-1.5-md v0-1.5-lg v0-1.0-md
"""

MODELS: Final = tuple(_CHOICES.split())

_FAMILIES: Final = {"gpt-": "openai", "o3-": "openai", "o4-": "openai", "claude-": "anthropic"}

PROVIDER_BY_MODEL: Final[Mapping[str, str]] = {
    **{model: provider for model in MODELS for family, provider in _FAMILIES.items() if model.startswith(family)},
    **{model: provider for provider, models in _MODELS_BY_PROVIDER.items() for model in models.split()},
}
"""Of models known from exports, and of newer ones whose names tell."""

# No Literal: exports name models that are no longer offered, and nodes with them must stay editable.
_LanguageModelName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(MODELS)})]
_Credentials = credentials_of(*_MODELS_BY_PROVIDER, kind="api_key", discriminator="model", mapping=PROVIDER_BY_MODEL)


def model_pin(*, advanced: bool = False) -> dict[str, tuple[Any, Any]]:
    described = "The language model to ask"
    return {
        "model": (_LanguageModelName, pin(DEFAULT_MODEL, advanced=advanced, title="LLM Model", description=described))
    }


def credentials_pin() -> dict[str, tuple[Any, Any]]:
    return {"credentials": (_Credentials, pin(description="API key of the provider of the model"))}


def prompt_values_pin() -> dict[str, tuple[Any, Any]]:
    described = "What the templates in the prompts are filled with, usually linked to `prompt_values_#_<name>`"
    return {"prompt_values": (dict[str, str], pin({}, advanced=False, description=described))}


def max_tokens_pin() -> dict[str, tuple[Any, Any]]:
    return {"max_tokens": (int | None, pin(None, description="Most tokens of the answer"))}


def ollama_host_pin() -> dict[str, tuple[Any, Any]]:
    described = "Address of the Ollama server, for models that run on one"
    return {"ollama_host": (str, pin("localhost:11434", description=described))}

"""Language models behind any OpenAI-compatible endpoint, through pydantic-ai."""

import asyncio
from datetime import timedelta
from typing import Any, cast

from openai import AsyncOpenAI
from pydantic_ai import ModelHTTPError
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelConnectionError,
    ModelQuotaExceededError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelRequest, ModelResponse
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from infra.settings import LanguageModelSettings
from models.errors import BlockConfigurationError, BlockError, BlockTransientError
from models.ports import LanguageModelAnswer

_TRANSIENT_STATUSES = frozenset((408, 409, 425, 429))
_OFFICIAL_HOST = "api.openai.com"
_SHOWN_CHARACTERS = 1_000


class OpenAICompatibleLanguageModel:
    """Implements `models.ports.LanguageModel` on one HTTP client, opened at the first call.

    Nothing is retried here: whoever calls decides from the error.

    Args:
        timeout: wall clock of one answer.
    """

    def __init__(self, settings: LanguageModelSettings, *, timeout: timedelta = timedelta(minutes=10)) -> None:
        self._settings = settings
        self._timeout = timeout
        self._client: AsyncOpenAI | None = None

    async def complete(
        self,
        prompt: str,
        *,
        model: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> LanguageModelAnswer:
        """See `models.ports.LanguageModel`."""
        client = self._open()
        model_name = model or self._settings.openai_default_model
        request_settings: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                response = await model_request(
                    OpenAIChatModel(model_name, provider=OpenAIProvider(openai_client=client), profile=self._profile()),
                    [ModelRequest.user_text_prompt(prompt)],
                    model_settings=cast(
                        "ModelSettings", {key: value for key, value in request_settings.items() if value is not None}
                    ),
                )
        except TimeoutError:
            raise BlockTransientError(
                f"The language model gave no answer within {self._timeout.total_seconds():g} seconds."
            ) from None
        except AgentRunError as error:
            raise self._translate(error) from None
        return _answer(response, model_name)

    async def aclose(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def _open(self) -> AsyncOpenAI:
        key = self._settings.openai_api_key
        if key is None or not key.get_secret_value().strip():
            raise BlockConfigurationError(
                "There is no API key for language models. Set OPENAI_API_KEY, and OPENAI_BASE_URL for another "
                "endpoint than OpenAI's, then restart the worker."
            )
        if self._client is None:
            self._client = AsyncOpenAI(
                api_key=key.get_secret_value().strip(),
                base_url=self._settings.openai_base_url,
                max_retries=0,
                timeout=self._timeout.total_seconds(),
            )
        return self._client

    def _profile(self) -> OpenAIModelProfile | None:
        """Compatible servers know `max_tokens`; only OpenAI's own are sure to know its successor."""
        if _OFFICIAL_HOST in self._settings.openai_base_url:
            return None
        return OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)

    def _translate(self, error: AgentRunError) -> BlockError:
        """The cause is dropped on purpose: it holds the request with its authorization header."""
        if isinstance(error, ModelHTTPError):
            text = f"The language model answered {error.status_code}: {self._clean(_provider_message(error))}"
            retryable = error.status_code in _TRANSIENT_STATUSES or error.status_code >= 500
            if retryable and not isinstance(error, ModelQuotaExceededError):
                details = {} if error.retry_after is None else {"retry_after_seconds": error.retry_after}
                return BlockTransientError(text, details=details)
            return BlockError(text)
        if isinstance(error, ModelConnectionError):
            return BlockTransientError(f"The language model cannot be reached: {self._clean(error.message)}")
        if isinstance(error, UnexpectedModelBehavior):
            return BlockError(f"The language model's answer cannot be read: {self._clean(error.message)}")
        return BlockError(f"The language model failed: {self._clean(error.message)}")

    def _clean(self, text: str) -> str:
        key = self._settings.openai_api_key
        secret = key.get_secret_value().strip() if key else ""
        return (text.replace(secret, "***") if secret else text)[:_SHOWN_CHARACTERS]


def _provider_message(error: ModelHTTPError) -> str:
    body = error.body
    if isinstance(body, dict):
        fields = cast("dict[str, Any]", body)
        inner = fields.get("error", fields)
        message = cast("dict[str, Any]", inner).get("message") if isinstance(inner, dict) else inner
        return str(message or fields)
    return str(body or "no explanation")


def _answer(response: ModelResponse, model_name: str) -> LanguageModelAnswer:
    text = response.text
    if not text:
        reason = response.finish_reason or "unknown"
        raise BlockError(f"The language model answered without text (finish reason: {reason}). Change the prompt.")
    return LanguageModelAnswer(
        text=text,
        model=response.model_name or model_name,
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
    )

"""The LLM block through the real client against a local server."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from activities.blocks.llm import LLMCallBlock, fill_prompt
from infra.language_model import OpenAICompatibleLanguageModel
from infra.settings import LanguageModelSettings
from models.blocks import BlockEffect, BlockKind
from models.errors import BlockConfigurationError, BlockError, BlockInputError, BlockTransientError
from models.ports import LanguageModel
from tests.llm_server import LLMServer
from tests.unit.blocks.running import make_context, run_block

KEY = "sk-canary-0123456789"

MakeModel = Callable[..., OpenAICompatibleLanguageModel]


@pytest_asyncio.fixture
async def make_model(llm_server: LLMServer) -> AsyncIterator[MakeModel]:
    opened: list[OpenAICompatibleLanguageModel] = []

    def make(*, timeout: timedelta = timedelta(seconds=30), **overrides: Any) -> OpenAICompatibleLanguageModel:
        values = {
            "openai_api_key": SecretStr(KEY),
            "openai_base_url": llm_server.base_url,
            "openai_default_model": "default-model",
            **overrides,
        }
        opened.append(OpenAICompatibleLanguageModel(LanguageModelSettings(**values), timeout=timeout))
        return opened[-1]

    yield make
    for model in opened:
        await model.aclose()


async def ask(language_model: LanguageModel, **values: Any) -> list[tuple[str, Any]]:
    return await run_block(LLMCallBlock, values, context=make_context(language_model=language_model))


async def test_answers_with_defaults(make_model: MakeModel, llm_server: LLMServer) -> None:
    model = make_model()
    assert await ask(model, prompt="Say {text}", text="hi") == [("response", "echo: Say hi")]
    [request] = llm_server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == "default-model"
    assert "temperature" not in request.body
    assert "max_tokens" not in request.body


async def test_parameters_reach_the_provider(make_model: MakeModel, llm_server: LLMServer) -> None:
    await ask(make_model(), prompt="p", model="other", max_tokens="20", temperature=0)
    body = llm_server.requests[0].body
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("other", 20, 0)


async def test_an_empty_model_is_the_default_one(make_model: MakeModel, llm_server: LLMServer) -> None:
    await ask(make_model(), prompt="p", model="")
    assert llm_server.requests[0].body["model"] == "default-model"


async def test_one_client_serves_many_calls(make_model: MakeModel, llm_server: LLMServer) -> None:
    model = make_model()
    answers = await asyncio.gather(*(ask(model, prompt=f"{number}") for number in range(20)))
    assert sorted(answers) == sorted([[("response", f"echo: {number}")] for number in range(20)])


async def test_counts_tokens(make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.answer_with("one two")
    answer = await make_model().complete("a b c")
    assert (answer.text, answer.model, answer.input_tokens, answer.output_tokens) == ("one two", "default-model", 3, 2)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
async def test_transient_statuses_are_retryable_and_not_retried_here(
    status: int, make_model: MakeModel, llm_server: LLMServer
) -> None:
    llm_server.fail_with_body(status, b'{"error": {"message": "try later"}}', headers={"retry-after": "7"})
    model = make_model()
    with pytest.raises(BlockTransientError, match=f"answered {status}: try later") as caught:
        await ask(model, prompt="p")
    assert caught.value.details == {"retry_after_seconds": 7.0}
    assert len(llm_server.requests) == 1
    assert await ask(model, prompt="p") == [("response", "echo: p")]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_refusals_are_final_and_quote_the_provider(
    status: int, make_model: MakeModel, llm_server: LLMServer
) -> None:
    llm_server.fail(status, message="wrong, because")
    with pytest.raises(BlockError, match=f"answered {status}: wrong, because") as caught:
        await ask(make_model(), prompt="p")
    assert not caught.value.retryable


async def test_an_exhausted_quota_is_final(make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.fail(429, message="no money", code="insufficient_quota")
    with pytest.raises(BlockError, match="no money") as caught:
        await ask(make_model(), prompt="p")
    assert not caught.value.retryable


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_the_key_appears_nowhere(status: int, make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.fail(status, message=f"Incorrect API key provided: {KEY}.")
    with pytest.raises(BlockError) as caught:
        await ask(make_model(), prompt="p")
    error = caught.value
    text = "".join(traceback.format_exception(error))
    assert KEY not in text + error.message + error.user_message + repr(error.details)
    assert error.__cause__ is None
    assert KEY not in repr(vars(make_model()))


async def test_dropped_connections_are_transient(make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.drop()
    with pytest.raises(BlockTransientError, match="cannot be reached"):
        await ask(make_model(), prompt="p")


async def test_an_unreachable_server_is_transient(make_model: MakeModel) -> None:
    with pytest.raises(BlockTransientError, match="cannot be reached"):
        await ask(make_model(openai_base_url="http://127.0.0.1:9/v1"), prompt="p")


async def test_silence_is_transient(make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.stall()
    with pytest.raises(BlockTransientError):
        await ask(make_model(timeout=timedelta(seconds=0.2)), prompt="p")


async def test_cancelling_ends_the_request(make_model: MakeModel, llm_server: LLMServer) -> None:
    arrived = asyncio.Event()

    async def never(_: object) -> str:
        arrived.set()
        await asyncio.Event().wait()
        return ""

    llm_server.answer_with(never)
    task = asyncio.create_task(ask(make_model(), prompt="p"))
    await asyncio.wait_for(arrived.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("body", [b"<html>not an API</html>", b"{}", b'{"choices": []}', b"\xff\xfe"])
async def test_unreadable_answers_are_block_errors(body: bytes, make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.fail_with_body(200, body)
    with pytest.raises(BlockError):
        await ask(make_model(), prompt="p")


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b'{"error": "plain"}', b'{"detail": [1]}'])
async def test_error_bodies_of_any_shape(body: bytes, make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.fail_with_body(502, body)
    with pytest.raises(BlockTransientError, match=r"answered 502: ."):
        await ask(make_model(), prompt="p")


async def test_an_answer_without_text_says_why(make_model: MakeModel, llm_server: LLMServer) -> None:
    llm_server.answer_with("", finish_reason="length")
    with pytest.raises(BlockError, match=r"without text.*length"):
        await ask(make_model(), prompt="p")


@pytest.mark.parametrize("key", [None, SecretStr(""), SecretStr("  ")])
async def test_no_key_names_the_setting(key: SecretStr | None, make_model: MakeModel, llm_server: LLMServer) -> None:
    with pytest.raises(BlockConfigurationError, match="OPENAI_API_KEY"):
        await ask(make_model(openai_api_key=key), prompt="p")
    assert llm_server.requests == []


async def test_no_language_model_at_all() -> None:
    with pytest.raises(BlockConfigurationError, match="OPENAI_API_KEY"):
        await run_block(LLMCallBlock, {"prompt": "p"})


@pytest.mark.parametrize(
    ("values", "pin"),
    [
        ({}, "prompt"),
        ({"prompt": "p", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "p", "temperature": 3}, "temperature"),
        ({"prompt": "p", "temperature": -1}, "temperature"),
    ],
)
async def test_bad_input_names_the_pin(values: dict[str, Any], pin: str) -> None:
    with pytest.raises(BlockInputError, match=f"LLMCallBlock.*pin '{pin}'"):
        await run_block(LLMCallBlock, values)


def test_accepts_any_pin_and_only_reads() -> None:
    assert LLMCallBlock.kind is BlockKind.AI
    assert LLMCallBlock.effect is BlockEffect.READ
    assert LLMCallBlock.has_input_pin("anything", {})
    assert LLMCallBlock.retry_policy().max_attempts > 1


@pytest.mark.parametrize(
    ("prompt", "filled"),
    [
        ("{a} and {b}", "1 and two"),
        ("{unknown} {a}", "{unknown} 1"),
        ("{{a}}", "{{a}}"),
        ('{"json": {a}}', '{"json": 1}'),
        ("{b}{b}", "twotwo"),
        ("{nested}", "{a}"),
        ("{list}", '[1, "ä", null]'),
        ("{none}", "null"),
        ("{with space!}", "x"),
        ("{}{ a }", "{}{ a }"),
        ("{a.__class__} {a[0]} {a!r} {a:>100}", "{a.__class__} {a[0]} {a!r} {a:>100}"),
        ("%s $a \\1 \\g<0> {back}", "%s $a \\1 \\g<0> \\1"),
    ],
)
def test_fill_prompt(prompt: str, filled: str) -> None:
    variables = {
        "a": 1,
        "b": "two",
        "nested": "{a}",
        "list": [1, "ä", None],
        "none": None,
        "with space!": "x",
        "back": "\\1",
    }
    assert fill_prompt(prompt, variables) == filled


async def test_dynamic_pins_are_folded_and_are_no_variables(make_model: MakeModel, llm_server: LLMServer) -> None:
    await ask(make_model(), **{"prompt": "{v} {v_#_a} {n}", "v_#_a": 1, "v_#_b": "x", "n": None})
    assert llm_server.prompts == ['{"a": 1, "b": "x"} {v_#_a} null']

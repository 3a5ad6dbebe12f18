"""Feature flags of the environment and of a file, and providers that fail."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from pydantic import SecretStr

from infra.feature_flags import ConfiguredFlags, flags_of, initialize_launchdarkly, open_flags
from infra.settings import FlagSettings
from models.errors import ConfigurationError
from models.ids import UserId


@pytest.fixture(autouse=True)
def forget_providers() -> Iterator[None]:
    yield
    api.clear_providers()


async def test_flags_of_the_environment_are_over_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    file.write_text(json.dumps({"both": False, "file-only": True}))
    flags = flags_of(ConfiguredFlags("both=true, off = FALSE", file))
    assert await flags.is_enabled("both", default=False)
    assert await flags.is_enabled("file-only", default=False)
    assert not await flags.is_enabled("off", default=True)
    assert await flags.is_enabled("unknown", default=True)
    assert not await flags.is_enabled("unknown", default=False)


async def test_a_flag_can_be_on_for_some_users(tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    file.write_text(json.dumps({"beta": {"users": ["a"]}, "all": {"enabled": True, "users": ["a"]}}))
    flags = flags_of(ConfiguredFlags(file=file))
    assert await flags.is_enabled("beta", default=False, user_id=UserId("a"))
    assert not await flags.is_enabled("beta", default=True, user_id=UserId("b"))
    assert not await flags.is_enabled("beta", default=True)
    assert await flags.is_enabled("all", default=False, user_id=UserId("b"))


async def test_a_changed_file_counts_and_a_broken_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    file.write_text('{"x": false}')
    flags = flags_of(ConfiguredFlags(file=file))
    assert not await flags.is_enabled("x", default=False)
    file.write_text('{"x": true, "y": true}')
    assert await flags.is_enabled("x", default=False)
    for broken in ("{", '{"x": "maybe"}', "[]"):
        file.write_text(broken)
        assert await flags.is_enabled("x", default=False)
    file.unlink()
    assert await flags.is_enabled("y", default=False)
    file.write_text('{"x": false}')
    assert not await flags.is_enabled("x", default=True)


@pytest.mark.parametrize("text", ["x", "x=yes", "=true", "x=true;y=false"])
async def test_flags_that_nobody_can_read_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(ConfigurationError, match="FEATURE_FLAGS"):
        async with open_flags(FlagSettings(feature_flags=text)):
            pass


@pytest.mark.parametrize("content", [None, "{", '{"x": 7}', "[]"])
async def test_a_file_that_nobody_can_read_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "flags.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match="FEATURE_FLAGS_FILE"):
        async with open_flags(FlagSettings(feature_flags_file=file)):
            pass


class Failing(ConfiguredFlags):
    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        raise ConnectionError("no network")


class Hanging(ConfiguredFlags):
    async def resolve_boolean_details_async(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("provider", [Failing, Hanging])
async def test_a_failing_provider_gives_the_default(provider: type[ConfiguredFlags]) -> None:
    flags = flags_of(provider())
    assert await flags.is_enabled("x", default=True)
    assert not await flags.is_enabled("x", default=False)


async def test_launchdarkly_without_its_package_says_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match="pip install launchdarkly-openfeature-server"):
        initialize_launchdarkly("sdk-key")
    with pytest.raises(ConfigurationError, match="LAUNCH_DARKLY_SDK_KEY"):
        async with open_flags(FlagSettings(launch_darkly_sdk_key=SecretStr("sdk-key"))):
            pass


async def test_providers_do_not_see_each_others_flags() -> None:
    first, second = flags_of(ConfiguredFlags("x=true")), flags_of(ConfiguredFlags("x=false"))
    assert await first.is_enabled("x", default=False)
    assert not await second.is_enabled("x", default=True)

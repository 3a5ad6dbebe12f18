"""Keys of an identity provider: when they are fetched, and for what each of them counts."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.errors import ServiceUnavailableError
from services.gateway.auth.published_keys import MAX_STALE, PublishedKeys
from tests.memory_sessions import MemoryJwks
from tests.signing_keys import a_key


class SetClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_by(self, **duration: int) -> None:
        self.time += timedelta(**duration)


def published(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"keys": list(keys)}


def jwk(algorithm: str, kid: str | None = "one", **changes: Any) -> dict[str, Any]:
    named = {"kid": kid} if kid else {}
    return {**a_key(algorithm).jwk, **named, **changes}


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def keys_of(source: MemoryJwks, clock: SetClock) -> PublishedKeys:
    return PublishedKeys(source, clock=clock, lifetime=timedelta(minutes=5), pause=timedelta(seconds=30))


async def test_keys_are_fetched_once_and_again_after_their_lifetime(clock: SetClock) -> None:
    source = MemoryJwks(published(jwk("RS256")))
    keys = keys_of(source, clock)
    found = await asyncio.gather(*(keys.find("one", "RS256") for _ in range(20)))
    assert None not in found
    assert source.fetches == 1
    clock.pass_by(minutes=5)
    assert await keys.find("one", "RS256") is not None
    assert source.fetches == 2


async def test_a_new_key_is_found_at_once_and_a_withdrawn_one_forgotten(clock: SetClock) -> None:
    source = MemoryJwks(published(jwk("RS256", "old")))
    keys = keys_of(source, clock)
    assert await keys.find("old", "RS256") is not None
    clock.pass_by(seconds=30)
    source.document = published(jwk("RS256", "new"))
    assert await keys.find("new", "RS256") is not None
    assert await keys.find("old", "RS256") is None


async def test_unknown_ids_make_us_fetch_once_in_a_while_only(clock: SetClock) -> None:
    source = MemoryJwks(published(jwk("RS256")))
    keys = keys_of(source, clock)
    await keys.find("one", "RS256")
    clock.pass_by(seconds=30)
    for number in range(100):
        assert await keys.find(f"made up {number}", "RS256") is None
    assert source.fetches == 2


async def test_known_keys_count_while_the_provider_is_away_but_not_for_ever(clock: SetClock) -> None:
    source = MemoryJwks(published(jwk("ES256")))
    keys = keys_of(source, clock)
    assert await keys.find("one", "ES256") is not None
    source.document = None
    clock.pass_by(hours=12)
    for _ in range(10):
        assert await keys.find("one", "ES256") is not None
    assert source.fetches == 2
    clock.time += MAX_STALE
    with pytest.raises(ServiceUnavailableError):
        await keys.find("one", "ES256")
    source.document = published(jwk("ES256"))
    clock.pass_by(seconds=30)
    assert await keys.find("one", "ES256") is not None


async def test_a_provider_that_never_answered_is_asked_again_soon(clock: SetClock) -> None:
    source = MemoryJwks(None)
    keys = keys_of(source, clock)
    for _ in range(5):
        with pytest.raises(ServiceUnavailableError):
            await keys.find("one", "RS256")
    assert source.fetches == 1
    source.document = published(jwk("RS256"))
    clock.pass_by(seconds=1)
    assert await keys.find("one", "RS256") is not None


@pytest.mark.parametrize(
    ("key", "counts_for"),
    [
        (jwk("RS256"), {"RS256", "RS384", "RS512"}),
        (jwk("RS256", alg="RS512"), {"RS512"}),
        (jwk("ES256"), {"ES256"}),
        (jwk("ES384"), {"ES384"}),
        (jwk("ES512"), {"ES512"}),
        (jwk("ES256", alg="ES384"), set[str]()),
        (jwk("RS256", alg="HS256"), set[str]()),
        (jwk("RS256", use="enc"), set[str]()),
        (jwk("RS256", key_ops=["encrypt"]), set[str]()),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "one"}, set[str]()),
        ({"kty": "RSA", "kid": "one"}, set[str]()),
    ],
)
async def test_a_key_counts_for_algorithms_of_its_kind_only(
    clock: SetClock, key: dict[str, Any], counts_for: set[str]
) -> None:
    keys = keys_of(MemoryJwks(published(key, jwk("ES512", "another"))), clock)
    algorithms = [f"{family}{bits}" for family in ("HS", "RS", "ES") for bits in (256, 384, 512)]
    assert {name for name in algorithms if await keys.find("one", name) is not None} == counts_for


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": ["text", 1]}, {"keys": []}])
async def test_a_document_without_keys_is_no_answer(clock: SetClock, document: dict[str, Any]) -> None:
    with pytest.raises(ServiceUnavailableError):
        await keys_of(MemoryJwks(document), clock).find("one", "RS256")


async def test_the_only_key_needs_no_id(clock: SetClock) -> None:
    keys = keys_of(MemoryJwks(published(jwk("RS256", None))), clock)
    assert await keys.find(None, "RS256") is not None
    two = keys_of(MemoryJwks(published(jwk("RS256", "a"), jwk("ES256", "b"))), clock)
    assert await two.find(None, "RS256") is None

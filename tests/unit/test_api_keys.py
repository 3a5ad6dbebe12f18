"""Format, hash and mask of API keys."""

import hashlib
import re
from datetime import UTC, datetime

import pytest

from models.api_keys import DEFAULT_PERMISSIONS, APIKeyContainer, APIKeyManager, issue_api_key
from models.ids import UserId


def test_a_new_key_has_the_known_form_and_verifies() -> None:
    manager = APIKeyManager()
    made = manager.generate_api_key()
    assert made.raw.startswith("agpt_")
    assert len(made.raw) == 48
    assert (made.prefix, made.postfix) == (made.raw[:8], made.raw[-8:])
    assert manager.verify_api_key(made.raw, made.hash)
    assert not manager.verify_api_key(manager.generate_api_key().raw, made.hash)
    assert made.raw not in repr(made)
    assert made.hash not in repr(made)


def test_an_environment_can_be_part_of_it() -> None:
    manager = APIKeyManager()
    raw = manager.generate_api_key(environment="live").raw
    assert raw.startswith("agpt_live_")
    assert manager.validate_key_format(raw)


@pytest.mark.parametrize(
    "raw", ["", "agpt_", "agpt_" + "a" * 42, "agpt_" + "a" * 44, "sk-" + "a" * 45, "agpt_" + "ä" * 43]
)
def test_what_is_no_key_is_told_by_its_form(raw: str) -> None:
    manager = APIKeyManager()
    assert not manager.validate_key_format(raw)
    with pytest.raises(ValueError, match="agpt_"):
        manager.describe(raw)


@pytest.mark.parametrize("environment", ["LIVE", "li-ve", "x" * 17, "ä"])
def test_an_environment_is_lower_case_letters_and_digits(environment: str) -> None:
    with pytest.raises(ValueError, match="agpt_"):
        APIKeyManager().generate_api_key(environment=environment)


def test_the_hash_is_sha_256_in_hexadecimal() -> None:
    raw = "agpt_" + "A" * 43
    described = APIKeyManager().describe(raw)
    assert described == APIKeyContainer(raw=raw, prefix="agpt_AAA", postfix="AAAAAAAA", hash=SHA_256)
    assert APIKeyManager().verify_api_key(raw, SHA_256)


@pytest.mark.parametrize("raw", ["", "agpt_", "\ud800", "ä" * 48, "agpt_" + "A" * 42 + "B"])
def test_nothing_else_verifies(raw: str) -> None:
    assert not APIKeyManager().verify_api_key(raw, SHA_256)


def test_keys_are_random_base64url() -> None:
    made = {APIKeyManager().generate_api_key().raw for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"agpt_[A-Za-z0-9_-]{43}", raw) for raw in made)


def test_a_stored_key_shows_the_mask_of_its_raw_text() -> None:
    key, raw = issue_api_key(user_id=UserId("u"), name="Key", now=datetime.now(UTC))
    assert key.masked == APIKeyManager().mask_api_key(raw)
    assert key.permissions == DEFAULT_PERMISSIONS
    assert key.hash not in repr(key)


@pytest.mark.parametrize(
    ("raw", "mask"),
    [
        ("agpt_" + "abcdefgh" * 5 + "xyz", "agpt_abc************...defghxyz"),
        ("12345678abc87654321", "12345678***...87654321"),
        ("1234567887654321", "************..."),
        ("secret", "******..."),
        ("", "..."),
    ],
)
def test_the_mask_shows_both_ends_and_at_most_twelve_stars(raw: str, mask: str) -> None:
    assert APIKeyManager().mask_api_key(raw) == mask


SHA_256 = hashlib.sha256(b"agpt_" + b"A" * 43).hexdigest()

"""Format, hash and mask of API keys."""

import pytest

from models.api_keys import APIKeyManager


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


def test_the_mask_shows_both_ends_and_at_most_twelve_stars() -> None:
    raw = "agpt_" + "abcdefgh" * 5 + "xyz"
    assert APIKeyManager().mask_api_key(raw) == "agpt_abc" + "*" * 12 + "..." + raw[-8:]

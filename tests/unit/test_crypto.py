"""Encryption with named keys: what opens a token and what must not."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.crypto import DecryptionError, KeyRing, new_key
from models.errors import ConfigurationError

OLD, NEW = new_key(), new_key()


def key_of(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


@given(st.binary(max_size=200), st.text(max_size=50))
def test_round_trip(data: bytes, scope: str) -> None:
    keys = KeyRing.parse(OLD)
    token = keys.encrypt(data, scope=scope)
    assert keys.decrypt(token, scope=scope) == data


def test_tokens_of_the_same_data_differ_and_do_not_show_it() -> None:
    keys = KeyRing.parse(OLD)
    tokens = {keys.encrypt(b"the secret", scope="s") for _ in range(100)}
    assert len(tokens) == 100
    assert not any(b"the secret" in token for token in tokens)


def test_another_scope_cannot_read_it() -> None:
    keys = KeyRing.parse(OLD)
    token = keys.encrypt(b"x", scope="payload:alice")
    with pytest.raises(DecryptionError, match="for something else"):
        keys.decrypt(token, scope="payload:bob")


def test_first_key_encrypts_and_all_decrypt() -> None:
    old_token = KeyRing.parse(OLD).encrypt(b"old", scope="s")
    rotated = KeyRing.parse(f"{NEW}, {OLD}")
    assert rotated.decrypt(old_token, scope="s") == b"old"
    assert KeyRing.parse(NEW).decrypt(rotated.encrypt(b"new", scope="s"), scope="s") == b"new"


def test_missing_key_is_named() -> None:
    token = KeyRing.parse(OLD).encrypt(b"x", scope="s")
    with pytest.raises(DecryptionError, match=f"'{OLD.partition(':')[0]}' is not in ENCRYPTION_KEYS"):
        KeyRing.parse(NEW).decrypt(token, scope="s")


def test_another_key_of_the_same_name_cannot_read_it() -> None:
    token = KeyRing.parse(f"k:{key_of(1)}").encrypt(b"x", scope="s")
    with pytest.raises(DecryptionError):
        KeyRing.parse(f"k:{key_of(2)}").decrypt(token, scope="s")


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_changed_token_is_accepted(place: int, bit: int) -> None:
    keys = KeyRing.parse(f"k:{key_of(1)}")
    token = bytearray(keys.encrypt(b"some data", scope="s"))
    token[place % len(token)] ^= 1 << bit
    with pytest.raises(DecryptionError):
        keys.decrypt(bytes(token), scope="s")


def test_no_shortened_or_foreign_token_is_accepted() -> None:
    keys = KeyRing.parse(f"k:{key_of(1)}")
    token = keys.encrypt(b"some data", scope="s")
    for broken in (*(token[:length] for length in range(len(token))), b"\x02" + token[1:], token + b"x", b"plain text"):
        with pytest.raises(DecryptionError):
            keys.decrypt(broken, scope="s")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No encryption key"),
        (" , ,", "No encryption key"),
        (key_of(1), "must be `id:base64"),
        ("k:not base64!", "must be `id:base64"),
        ("k:" + base64.b64encode(b"short").decode(), "must have 32 bytes"),
        (":" + key_of(1), "short id"),
        ("k" * 256 + ":" + key_of(1), "short id"),
        (f"k:{key_of(1)},k:{key_of(2)}", "'k' twice"),
    ],
)
def test_malformed_keys_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        KeyRing.parse(text)
    assert key_of(1) not in str(caught.value)


def test_new_keys_differ_and_parse() -> None:
    fresh = {new_key() for _ in range(50)}
    assert len(fresh) == 50
    KeyRing.parse(",".join(fresh))

"""AES-256-GCM with named keys: the first key encrypts, all of them decrypt, so that keys can be rotated."""

import base64
import binascii
import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import ConfigurationError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FORMAT: Final = 1


class DecryptionError(ConfigurationError):
    """The key is missing, or the data was made for another scope or changed."""

    code = "decryption_failed"


class KeyRing:
    """Encrypts bytes for a scope (an owner, a run): each scope has its own key, derived from the named master key.

    A token is `format byte, length of the key id, key id, nonce, ciphertext and tag`; the scope is authenticated.
    """

    def __init__(self, keys: dict[str, bytes]) -> None:
        """`keys` maps key id -> 32 bytes, the encrypting one first.

        Raises:
            ConfigurationError: no key, or one of the wrong length.
        """
        if not keys:
            raise ConfigurationError("No encryption key: set ENCRYPTION_KEYS (`perdure keygen` prints a new one).")
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES or not 0 < len(key_id.encode()) < 256:
                raise ConfigurationError(f"Encryption key {key_id!r} must have {KEY_BYTES} bytes and a short id.")
        self._keys = dict(keys)
        self._current = next(iter(keys))
        self._cipher = lru_cache(maxsize=4096)(self._derive)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Reads `id:base64,id:base64`.

        Raises:
            ConfigurationError: not of that form.
        """
        keys: dict[str, bytes] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            key_id, colon, encoded = part.partition(":")
            if key_id in keys:
                raise ConfigurationError(f"ENCRYPTION_KEYS names the key {key_id!r} twice: give each its own id.")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                colon = ""
            if not colon:
                raise ConfigurationError("ENCRYPTION_KEYS must be `id:base64[,id:base64...]` (see `perdure keygen`).")
        return cls(keys)

    def encrypt(self, data: bytes, *, scope: str) -> bytes:
        key_id = self._current.encode()
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher(self._current, scope).encrypt(nonce, data, scope.encode())
        return bytes((FORMAT, len(key_id))) + key_id + nonce + sealed

    def decrypt(self, token: bytes, *, scope: str) -> bytes:
        """Raises DecryptionError."""
        if len(token) < 2 or token[0] != FORMAT:
            raise DecryptionError("Not an encrypted token of a known format.")
        start = 2 + token[1]
        key_id = token[2:start].decode(errors="replace")
        if key_id not in self._keys:
            raise DecryptionError(f"Encryption key {key_id!r} is not in ENCRYPTION_KEYS: add it to read older data.")
        nonce, sealed = token[start : start + NONCE_BYTES], token[start + NONCE_BYTES :]
        try:
            return self._cipher(key_id, scope).decrypt(nonce, sealed, scope.encode())
        except (InvalidTag, ValueError) as error:
            raise DecryptionError("The data was encrypted for something else, or was changed.") from error

    def _derive(self, key_id: str, scope: str) -> AESGCM:
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"perdure:" + scope.encode())
        return AESGCM(derived.derive(self._keys[key_id]))


def new_key() -> str:
    """A fresh master key as `id:base64`, for ENCRYPTION_KEYS."""
    return f"k{os.urandom(4).hex()}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"

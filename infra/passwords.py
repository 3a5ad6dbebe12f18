"""Passwords, hashed with argon2id outside of the event loop."""

import asyncio
from functools import partial
from typing import Final

from pwdlib.hashers.argon2 import Argon2Hasher

AT_ONCE: Final = 4
"""Each takes 64 MiB and up to 4 cores for tens of milliseconds: more at once would starve everything else."""


class Argon2Passwords:
    """The port PasswordHasher."""

    def __init__(self, hasher: Argon2Hasher | None = None) -> None:
        self._hasher = hasher or Argon2Hasher()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        if self._nobodys is None:
            self._nobodys = await self.hash("nobody has this password")
        async with self._slots:
            same = await asyncio.to_thread(partial(self._hasher.verify, password, password_hash or self._nobodys))
        return same and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

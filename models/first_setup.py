"""The setup of an installation: its first administrator."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FirstSetup:
    """`salt` is random; the setup token follows from it and a key of the installation."""

    salt: str = field(repr=False)
    used_at: datetime | None = None


class FirstSetupStore(Protocol):
    async def has_administrator(self) -> bool: ...

    async def ensure(self, salt: str, *, now: datetime) -> FirstSetup:
        """The setup of this installation: the one there is, else one with this salt."""
        ...

    async def lock(self) -> FirstSetup | None:
        """The setup, which nobody else can use until the unit of work ends; None if none was begun."""
        ...

    async def mark_used(self, *, now: datetime) -> None: ...

"""What is remembered of erased users, and the setup of the first administrator."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from models.ids import GraphExecId, OwnerKeyId, UserId


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erased account.

    Attributes:
        runs: executions that may have written after it.
    """

    user_id: UserId
    key_id: OwnerKeyId
    erased_at: datetime
    runs: Sequence[GraphExecId] = field(default=())


class ErasureStore(Protocol):
    async def add(self, erasure: Erasure) -> None: ...

    async def list_unfinished(self) -> Sequence[Erasure]:
        """Those not cleaned up behind, oldest first."""
        ...

    async def list_left_runs(self, erasure: Erasure) -> Sequence[GraphExecId]:
        """Executions known to the erasure, and those that have appeared since; not those of a later account."""
        ...

    async def delete_left(self, erasure: Erasure, runs: Sequence[GraphExecId]) -> None:
        """Deletes every row of these executions, and of the user unless there is an account with the id again."""
        ...

    async def finish(self, erasure: Erasure, *, now: datetime) -> None: ...

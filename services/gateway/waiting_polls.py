"""How many requests may wait for events at a time: each holds a connection, here and to the store of events."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from models.errors import TooManyRequestsError
from models.ids import UserId

MAX_OF_USER: Final = 10
MAX_OF_PROCESS: Final = 500


class WaitingPolls:
    """Counts those of one process."""

    def __init__(self, *, of_user: int = MAX_OF_USER, of_process: int = MAX_OF_PROCESS) -> None:
        self._of_user = of_user
        self._of_process = of_process
        self._waiting: Counter[UserId] = Counter()

    @contextmanager
    def one_of(self, user_id: UserId) -> Generator[None]:
        """Raises TooManyRequestsError if the user, or everybody, has as many as may be."""
        if self._waiting.get(user_id, 0) >= self._of_user or self._waiting.total() >= self._of_process:
            raise TooManyRequestsError(
                "Too many requests wait for events. Let one end, or ask again without `wait_seconds`."
            )
        self._waiting[user_id] += 1
        try:
            yield
        finally:
            self._waiting[user_id] -= 1
            if not self._waiting[user_id]:
                del self._waiting[user_id]

"""Who makes a request, and what they may do."""

from dataclasses import dataclass

from models.api_keys import Permission
from models.errors import ForbiddenError
from models.ids import ApiKeyId
from models.sessions import Session
from models.users import User


@dataclass(frozen=True, slots=True)
class Principal:
    """`permissions` and `api_key_id` are None for a token or a session, which may do everything their user may.

    Attributes:
        user_created: this request's token made the user.
    """

    user: User
    permissions: frozenset[Permission] | None = None
    api_key_id: ApiKeyId | None = None
    session: Session | None = None
    user_created: bool = False

    @property
    def is_person(self) -> bool:
        """Whether somebody has logged in, rather than given a program a key."""
        return self.permissions is None

    def demand(self, *needed: Permission) -> None:
        """Raises ForbiddenError if the API key lacks a permission."""
        missing = [] if self.permissions is None else [name for name in needed if name not in self.permissions]
        if missing:
            raise ForbiddenError(f"Missing required permission(s): {', '.join(missing)}")

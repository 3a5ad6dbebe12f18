"""What users set for themselves."""

from collections.abc import Mapping
from typing import Any

from models.errors import InvalidRequestError
from models.ports import Clock
from models.stores import UnitOfWork
from models.users import User
from services.gateway.features.users.schemas import PreferencesIn, UserIn, UserSettingsIn, notifications_of
from services.gateway.json_bodies import check_limits


class OwnAccount:
    """The account of one user, inside one unit of work."""

    def __init__(self, unit: UnitOfWork, *, user: User, clock: Clock) -> None:
        self._unit = unit
        self._user = user
        self._clock = clock

    async def update(self, given: UserIn) -> User:
        """Raises InvalidRequestError: the address of an account that is kept here changes only once it is proven."""
        changes_email = given.email is not None and given.email.casefold() != self._user.email.casefold()
        if self._user.local and changes_email:
            raise InvalidRequestError("Change the address of this account with POST /api/auth/user/email.")
        return await self._unit.users.update(
            self._user.id,
            now=self._clock.now(),
            name=given.name,
            email=None if self._user.local else given.email,
            timezone=given.timezone,
        )

    async def set_timezone(self, timezone: str) -> User:
        return await self._unit.users.update(
            self._user.id, now=self._clock.now(), name=None, email=None, timezone=timezone
        )

    async def preferences(self) -> Mapping[str, Any]:
        """As they are stored."""
        return await self._unit.preferences.get(self._user.id)

    async def set_preferences(
        self, given: PreferencesIn, *, console: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        values: dict[str, Any] = {}
        if given.preferences is not None:
            known = notifications_of(await self.preferences())
            values["notifications"] = {kind.value: on for kind, on in {**known, **given.preferences}.items()}
        if given.daily_limit is not None:
            values["daily_limit"] = given.daily_limit
        if console is not None:
            values["console"] = console
        return await self._unit.preferences.merge(self._user.id, values)

    async def set_settings(self, given: UserSettingsIn) -> tuple[User, Mapping[str, Any]]:
        """Raises InvalidRequestError: `console` is nested too deep, or has too many keys."""
        if given.console is not None:
            check_limits(given.console, where="console", max_depth=10, max_keys=1_000)
        user = self._user if given.timezone is None else await self.set_timezone(given.timezone)
        return user, await self.set_preferences(given, console=given.console)

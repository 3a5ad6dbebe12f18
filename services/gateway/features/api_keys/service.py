"""Making, changing and taking back API keys."""

from typing import Final

from models.api_keys import ApiKey, ApiKeyStatus, Permission, issue_api_key
from models.errors import ConflictError
from models.ids import ApiKeyId
from models.pages import Page, PageRequest
from models.ports import Clock
from models.stores import UnitOfWork
from services.gateway.auth.principal import Principal
from services.gateway.features.api_keys.schemas import ApiKeyChangeIn, ApiKeyIn

MAX_ACTIVE_KEYS: Final = 100


class ApiKeyService:
    """Keys of the principal's user, inside one unit of work.

    A principal that is itself an API key neither makes nor changes a key that may do more than it may.
    """

    def __init__(self, unit: UnitOfWork, *, principal: Principal, clock: Clock) -> None:
        self._keys = unit.api_keys
        self._principal = principal
        self._user_id = principal.user.id
        self._clock = clock

    async def create(self, given: ApiKeyIn) -> tuple[ApiKey, str]:
        """A new key and its raw text.

        Raises:
            ForbiddenError: it would have a permission that the principal lacks.
            ConflictError: the user has as many active keys as one may have.
        """
        permissions = given.wanted_permissions
        self._principal.demand(*sorted(permissions))
        await self._demand_room()
        key, raw = issue_api_key(
            user_id=self._user_id,
            name=given.name,
            description=given.description or None,
            permissions=permissions,
            now=self._clock.now(),
        )
        await self._keys.ensure(key)
        return key, raw

    async def list_keys(self, page: PageRequest) -> Page[ApiKey]:
        """Newest first, revoked ones too."""
        return await self._keys.list_of_user(self._user_id, page)

    async def get(self, key_id: ApiKeyId) -> ApiKey:
        """Raises NotFoundError."""
        return await self._keys.get(self._user_id, key_id)

    async def revoke(self, key_id: ApiKeyId) -> ApiKey:
        """Takes a key back for good; one that is revoked already stays as it is.

        Raises:
            NotFoundError, ForbiddenError
        """
        key = await self._lock(key_id)
        return key if key.status is ApiKeyStatus.REVOKED else await self._set(key, ApiKeyStatus.REVOKED)

    async def suspend(self, key_id: ApiKeyId) -> ApiKey:
        """Refuses a key until it is activated. Raises NotFoundError, ForbiddenError, ConflictError if it is revoked."""
        key = _not_revoked(await self._lock(key_id))
        return key if key.status is ApiKeyStatus.SUSPENDED else await self._set(key, ApiKeyStatus.SUSPENDED)

    async def activate(self, key_id: ApiKeyId) -> ApiKey:
        """Ends a suspension.

        Raises:
            NotFoundError, ForbiddenError
            ConflictError: the key is revoked, or the user has as many active keys as one may have.
        """
        # The user's row comes first: whoever waits for it must not hold a key that others wait for.
        active = await self._keys.lock_active_count(self._user_id)
        key = _not_revoked(await self._lock(key_id))
        if key.status is ApiKeyStatus.ACTIVE:
            return key
        _check_room(active)
        return await self._set(key, ApiKeyStatus.ACTIVE)

    async def set_permissions(self, key_id: ApiKeyId, permissions: frozenset[Permission]) -> ApiKey:
        """Raises NotFoundError, ForbiddenError, ConflictError if the key is revoked."""
        self._principal.demand(*sorted(permissions))
        key = _not_revoked(await self._lock(key_id))
        return await self._keys.set_permissions(self._user_id, key.id, permissions)

    async def describe(self, key_id: ApiKeyId, given: ApiKeyChangeIn) -> ApiKey:
        """Changes what is given. Raises NotFoundError, ForbiddenError."""
        key = await self._lock(key_id)
        description = given.description if "description" in given.model_fields_set else key.description
        return await self._keys.describe(
            self._user_id, key.id, name=given.name or key.name, description=description or None
        )

    async def _lock(self, key_id: ApiKeyId) -> ApiKey:
        """A key that the principal may change, held until the unit of work ends."""
        key = await self._keys.get(self._user_id, key_id, for_update=True)
        self._principal.demand(*sorted(key.permissions))
        return key

    async def _set(self, key: ApiKey, status: ApiKeyStatus) -> ApiKey:
        return await self._keys.set_status(self._user_id, key.id, status, now=self._clock.now())

    async def _demand_room(self) -> None:
        _check_room(await self._keys.lock_active_count(self._user_id))


def _check_room(active: int) -> None:
    if active >= MAX_ACTIVE_KEYS:
        raise ConflictError(
            f"You have {active} active API keys; the limit is {MAX_ACTIVE_KEYS}. Revoke one that is not used.",
            details={"limit": MAX_ACTIVE_KEYS},
        )


def _not_revoked(key: ApiKey) -> ApiKey:
    if key.status is ApiKeyStatus.REVOKED:
        raise ConflictError(f"API key #{key.id} is revoked. Make a new one.")
    return key

"""An account and an API key for whoever runs the stack on their own machine."""

from datetime import UTC, datetime

from infra.migrate import database_for
from infra.unit_of_work import UnitsOfWork
from models.api_keys import ApiKey, APIKeyManager, Permission
from models.ids import ApiKeyId, UserId, new_id
from models.users import LOCAL_USER_EMAIL, LOCAL_USER_NAME, UserClaims


async def ensure_dev_api_key(database_url: str, *, user_id: str, raw_key: str) -> None:
    """Makes `raw_key` an active key of the user, with every permission; makes the user if there is none.

    The schema must be there. Idempotent.

    Raises:
        ValueError: `raw_key` has not the format of an API key.
        ServiceUnavailableError: Postgres does not answer.
    """
    described = APIKeyManager().describe(raw_key)
    now = datetime.now(UTC)
    database = database_for(database_url, application_name="perdure dev access")
    try:
        async with UnitsOfWork(database)() as unit:
            owner = UserId(user_id)
            if await unit.users.find(owner) is None:
                await unit.users.ensure(
                    UserClaims(id=owner, email=LOCAL_USER_EMAIL, name=LOCAL_USER_NAME, issued_at=now), now=now
                )
            await unit.api_keys.ensure(
                ApiKey(
                    id=ApiKeyId(new_id()),
                    user_id=owner,
                    name="Development",
                    description="Made by the local stack.",
                    prefix=described.prefix,
                    postfix=described.postfix,
                    hash=described.hash,
                    permissions=frozenset(Permission),
                    created_at=now,
                )
            )
    finally:
        await database.close()

"""The secrets of a local stack, generated once and kept in its folder."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel, Field, SecretStr, ValidationError

from infra.crypto import new_key
from infra.embedded.home import StackHome, write_private
from infra.embedded.server import StackError
from infra.settings import AuthSettings
from infra.tokens import issue_token
from models.api_keys import APIKeyManager
from models.ids import OwnerKeyId
from models.users import LOCAL_USER_EMAIL, LOCAL_USER_ID, LOCAL_USER_NAME, ROLE_ADMIN, User

DEVELOPER_ID: Final = LOCAL_USER_ID
DEV_TOKEN_LIFETIME = timedelta(days=30)


def _new_api_key() -> str:
    return APIKeyManager().generate_api_key().raw


def _new_token() -> str:
    return secrets.token_urlsafe(32)


class StackSecrets(BaseModel):
    postgres_password: str = Field(default_factory=_new_token, min_length=8, repr=False)
    redis_password: str = Field(default_factory=_new_token, min_length=8, repr=False)
    jwt_verify_key: str = Field(default_factory=_new_token, min_length=32, repr=False)
    encryption_keys: str = Field(default_factory=new_key, min_length=44, repr=False)
    codec_token: str = Field(default_factory=_new_token, min_length=32, repr=False)
    dev_api_key: str = Field(default_factory=_new_api_key, min_length=48, repr=False)


def ensure_secrets(home: StackHome) -> StackSecrets:
    """The secrets of the folder, made on first use.

    Raises:
        StackError: The file is damaged; without it the data beside it cannot be read.
    """
    try:
        found = StackSecrets.model_validate_json(home.secrets_file.read_bytes())
    except FileNotFoundError:
        found = StackSecrets()
    except (ValidationError, OSError) as error:
        raise StackError(
            f"The file {home.secrets_file} is damaged. Restore it from a copy, or move the whole folder {home.folder} "
            f"away to start afresh: its data is encrypted with the keys in that file."
        ) from error
    write_private(home.secrets_file, found.model_dump_json(indent=1))
    return found


def issue_dev_token(jwt_verify_key: str, *, auth: AuthSettings) -> str:
    """A bearer token of the developer of a local stack; nothing where only others can make tokens."""
    if not auth.jwt_algorithm.startswith("HS") and auth.jwt_signing_key is None:
        return ""
    now = datetime.now(UTC)
    developer = User(
        id=LOCAL_USER_ID,
        email=LOCAL_USER_EMAIL,
        name=LOCAL_USER_NAME,
        role=ROLE_ADMIN,
        key_id=OwnerKeyId(""),
        created_at=now,
        updated_at=now,
    )
    signing = auth.model_copy(update={"jwt_verify_key": SecretStr(jwt_verify_key)})
    return issue_token(signing, developer, now=now, lifetime=DEV_TOKEN_LIFETIME)

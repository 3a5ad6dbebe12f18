"""Bearer tokens: verified with one key, turned into the claims of a user."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import jwt
from email_validator import EmailNotValidError, validate_email
from pydantic import SecretStr

from models.errors import ConfigurationError, UnauthenticatedError
from models.ids import UserId
from models.json_values import normalise_json
from models.users import UserClaims

MAX_TOKEN_CHARACTERS: Final = 16_384
_MAX_ID = 255
_MAX_NAME = 100


class AuthConfigError(ConfigurationError):
    code = "auth_configuration_error"


class TokenVerifier:
    """Checks signature, expiry and audience of a token.

    Args:
        min_key_characters: shorter keys are refused; a short one can be guessed from any token.

    Raises:
        AuthConfigError: there is no key, or a short one.
    """

    def __init__(self, *, key: SecretStr, algorithm: str, audience: str, min_key_characters: int = 1) -> None:
        length = len(key.get_secret_value().strip())
        if not length:
            raise AuthConfigError("JWT_VERIFY_KEY is empty. Set it to the key that your bearer tokens are signed with.")
        if length < min_key_characters:
            raise AuthConfigError(
                f"JWT_VERIFY_KEY has {length} characters; at least {min_key_characters} are needed. Use a longer key."
            )
        self._key = key
        self._algorithm = algorithm
        self._audience = audience

    def verify(self, token: str) -> UserClaims:
        """Whose token it is.

        Raises:
            UnauthenticatedError: with the reason.
        """
        try:
            payload = self.parse_jwt_token(token)
        except ValueError as error:
            raise UnauthenticatedError(str(error)) from error
        return claims_of(payload)

    def parse_jwt_token(self, token: str) -> dict[str, Any]:
        """The claims of a valid token.

        Raises:
            ValueError: with a short reason that never quotes the token.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ValueError("Invalid token: too long")
        try:
            return jwt.decode(
                token,
                self._key.get_secret_value(),
                algorithms=[self._algorithm],
                audience=self._audience,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise ValueError("Token has expired") from error
        except jwt.InvalidAudienceError as error:
            raise ValueError("Invalid token audience") from error
        except jwt.MissingRequiredClaimError as error:
            if error.claim == "aud":
                raise ValueError("Invalid token audience") from error
            raise ValueError(f"Invalid token: it has no {error.claim!r}") from error
        except jwt.InvalidSignatureError as error:
            raise ValueError("Invalid token signature") from error
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise ValueError(f"Invalid token: {_reason(error)}") from error


def claims_of(payload: Mapping[str, Any]) -> UserClaims:
    """The user in verified claims.

    Raises:
        UnauthenticatedError: no `sub`, or no usable e-mail address.
    """
    subject = payload.get("sub")
    if not isinstance(subject, str) or not subject.strip():
        raise UnauthenticatedError("User ID not found in token")
    if len(subject) > _MAX_ID or not subject.isprintable():
        raise UnauthenticatedError("Invalid user data in token")
    metadata = payload.get("user_metadata")
    name = cast("dict[str, Any]", metadata).get("name") if isinstance(metadata, dict) else None
    role = payload.get("role")
    return UserClaims(
        id=UserId(subject),
        email=_email(payload.get("email")),
        role=normalise_json(role)[:50] if isinstance(role, str) and role else "user",
        name=normalise_json(name)[:_MAX_NAME] if isinstance(name, str) and name else None,
        created_at=_date(payload.get("created_at")),
        last_sign_in_at=_date(payload.get("last_sign_in_at")),
    )


def _email(value: object) -> str:
    try:
        return validate_email(value if isinstance(value, str) else "", check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise UnauthenticatedError("Invalid user data in token") from error


def _date(value: object) -> datetime | None:
    """A date of a token; a bad one is no reason to refuse its user."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        else:
            return None
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _reason(error: Exception) -> str:
    """PyJWT's reasons name what is malformed, never its content; other errors may quote it."""
    return str(error)[:100] if isinstance(error, jwt.InvalidTokenError) else "malformed"

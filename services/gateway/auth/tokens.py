"""Bearer tokens: verified with our key or published ones, turned into the claims of a user."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import jwt
from email_validator import EmailNotValidError, validate_email

from models.errors import ForbiddenError, UnauthenticatedError
from models.hygiene import plain_name
from models.ids import UserId
from models.json_values import normalise_json
from models.token_claims import VERSION_CLAIM
from models.users import ROLE_ADMIN, UserClaims
from services.gateway.auth.published_keys import PublishedKeys
from services.gateway.auth.settings import ALGORITHMS, AuthOptions

MAX_TOKEN_CHARACTERS: Final = 16_384
ADMIN_REQUIRED: Final = "Admin access required"
_MAX_SUBJECT: Final = 255
_MAX_NAME: Final = 100


class TokenVerifier:
    """Checks signature, expiry, audience and issuer of a token.

    A key is bound to its kind of algorithm: the header of a token chooses among what the settings permit, and never
    makes a public key a secret.

    Args:
        published: the keys at `options.jwks_url`.
    """

    def __init__(self, options: AuthOptions, *, published: PublishedKeys | None = None) -> None:
        self._key = options.verify_key.get_secret_value().strip()
        self._algorithm = options.algorithm
        self._audience = options.audience
        self._issuer = options.issuer
        self._leeway = options.leeway
        self._published = published

    async def verify(self, token: str) -> UserClaims:
        """Whose token it is.

        Raises:
            UnauthenticatedError: with the reason.
            ServiceUnavailableError: the published keys are needed, and cannot be had.
        """
        try:
            payload = await self.parse_jwt_token(token)
        except ValueError as error:
            raise UnauthenticatedError(str(error)) from error
        return claims_of(payload)

    async def parse_jwt_token(self, token: str) -> dict[str, Any]:
        """The claims of a valid token.

        Raises:
            ValueError: with a short reason that never quotes the token.
            ServiceUnavailableError: as `verify`.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ValueError("Invalid token: too long")
        try:
            algorithm, key = await self._choose(token)
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise ValueError("Token has expired") from error
        except jwt.InvalidAudienceError as error:
            raise ValueError("Invalid token audience") from error
        except jwt.InvalidIssuerError as error:
            raise ValueError("Invalid token: issuer is not the expected one") from error
        except jwt.MissingRequiredClaimError as error:
            if error.claim == "aud":
                raise ValueError("Invalid token audience") from error
            raise ValueError(f"Invalid token: it has no {error.claim!r}") from error
        except jwt.InvalidSignatureError as error:
            raise ValueError("Invalid token signature") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise ValueError(f"Invalid token: {_reason(error)}") from error

    async def _choose(self, token: str) -> tuple[str, Any]:
        header = jwt.get_unverified_header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm in ALGORITHMS and not algorithm.startswith("HS") and self._published is not None:
            published = await self._published.find(kid if isinstance(kid, str) else None, algorithm)
            if published is not None:
                return str(algorithm), published.key
            if not self._key or algorithm != self._algorithm:
                raise jwt.InvalidTokenError("it is signed with an unknown key")
        if not self._key or algorithm != self._algorithm:
            raise jwt.InvalidAlgorithmError("The specified alg value is not allowed")
        return self._algorithm, self._key


def claims_of(payload: Mapping[str, Any]) -> UserClaims:
    """The user in verified claims.

    Raises:
        UnauthenticatedError: no `sub`, or no usable e-mail address.
    """
    subject = payload.get("sub")
    if not isinstance(subject, str) or not subject.strip():
        raise UnauthenticatedError("User ID not found in token")
    if not is_usable_subject(subject):
        raise UnauthenticatedError("Invalid user data in token")
    metadata = payload.get("user_metadata")
    role = payload.get("role")
    version = payload.get(VERSION_CLAIM)
    return UserClaims(
        id=UserId(subject),
        email=_email(payload.get("email")),
        role=normalise_json(role)[:50] if isinstance(role, str) and role else "user",
        name=person_name(cast("dict[str, Any]", metadata).get("name")) if isinstance(metadata, dict) else None,
        created_at=_date(payload.get("created_at")),
        last_sign_in_at=_date(payload.get("last_sign_in_at")),
        issued_at=_date(payload.get("iat")),
        token_version=version if isinstance(version, int) and not isinstance(version, bool) else None,
    )


def is_usable_subject(subject: str) -> bool:
    """Whether the `sub` of a token can be the id of a user."""
    return bool(subject.strip()) and len(subject) <= _MAX_SUBJECT and subject.isprintable()


def person_name(name: object) -> str | None:
    """What people are called, as far as a claim tells it."""
    return plain_name(normalise_json(name)[:_MAX_NAME]) or None if isinstance(name, str) else None


def verify_user(payload: Mapping[str, Any] | None, *, admin_only: bool = False) -> UserClaims:
    """The user in verified claims.

    Raises:
        UnauthenticatedError: there are none, or they name no user.
        ForbiddenError: with `admin_only`, of anybody else.
    """
    if not payload:
        raise UnauthenticatedError("Authorization header is missing")
    claims = claims_of(payload)
    if admin_only and claims.role.casefold() != ROLE_ADMIN:
        raise ForbiddenError(ADMIN_REQUIRED)
    return claims


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
    return str(error)[:100] if isinstance(error, jwt.PyJWTError) else "malformed"

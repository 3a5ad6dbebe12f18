"""The claims of tokens that this installation makes: those that any identity provider's tokens carry."""

from datetime import datetime, timedelta
from typing import Any, Final

from models.users import User

VERSION_CLAIM: Final = "perdure_ver"
"""`User.token_version` when the token was made. Only our own tokens have it."""

MIN_HMAC_KEY_CHARACTERS: Final = 32
"""Of JWT_VERIFY_KEY in production: a shorter one can be guessed from any token."""


def token_claims(
    user: User, *, audience: str, issuer: str | None, now: datetime, lifetime: timedelta
) -> dict[str, Any]:
    """JWT claims of a user, valid for `lifetime` from `now`."""
    claims: dict[str, Any] = {
        "sub": user.id,
        "email": user.email,
        "role": user.role,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime,
        "user_metadata": {"name": user.name} if user.name else {},
        "created_at": user.created_at.isoformat(),
        VERSION_CLAIM: user.token_version,
    }
    if user.last_login_at is not None:
        claims["last_sign_in_at"] = user.last_login_at.isoformat()
    if issuer is not None:
        claims["iss"] = issuer
    return claims

"""Bearer tokens made with the key that the gateway verifies them with."""

from datetime import datetime, timedelta
from typing import Any

import jwt


def issue_token(
    key: str,
    *,
    user_id: str,
    email: str,
    role: str,
    name: str | None,
    audience: str,
    now: datetime,
    lifetime: timedelta,
) -> str:
    """A token (HS256) of a user, valid for `lifetime` from `now`."""
    claims: dict[str, Any] = {
        "sub": user_id,
        "email": email,
        "role": role,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime,
        "user_metadata": {"name": name} if name else {},
    }
    return jwt.encode(claims, key, algorithm="HS256")

"""Bearer tokens made with the key that the gateway verifies them with."""

from datetime import datetime, timedelta

import jwt

from infra.settings import AuthSettings
from models.errors import ConfigurationError
from models.token_claims import token_claims
from models.users import User


def issue_token(auth: AuthSettings, user: User, *, now: datetime, lifetime: timedelta) -> str:
    """A token of a user, valid for `lifetime` from `now`.

    Raises:
        ConfigurationError: there is no key to sign with.
    """
    symmetric = auth.jwt_algorithm.startswith("HS")
    key = auth.jwt_verify_key if symmetric else auth.jwt_signing_key
    name = "JWT_VERIFY_KEY" if symmetric else "JWT_SIGNING_KEY"
    secret = key.get_secret_value().strip() if key else ""
    if not secret:
        raise ConfigurationError(f"{name} is empty: without it no token can be made. Set it to the gateway's.")
    claims = token_claims(user, audience=auth.jwt_audience, issuer=auth.jwt_issuer, now=now, lifetime=lifetime)
    try:
        return jwt.encode(claims, secret, algorithm=auth.jwt_algorithm)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ConfigurationError(f"{name} cannot sign {auth.jwt_algorithm} tokens.") from error

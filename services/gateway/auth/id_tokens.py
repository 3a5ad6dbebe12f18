"""ID tokens of an OpenID Connect provider: verified for one login, turned into the person they name."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from email_validator import EmailNotValidError, validate_email

from models.oidc import ExternalPerson, OidcLoginError
from services.gateway.auth.published_keys import PublishedKeys
from services.gateway.auth.settings import ALGORITHMS
from services.gateway.auth.tokens import MAX_TOKEN_CHARACTERS, is_usable_subject, person_name

_ASYMMETRIC: Final = frozenset(name for name in ALGORITHMS if not name.startswith("HS"))
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")


class IdTokenVerifier:
    """Only keys that the provider publishes count, each with algorithms of its own kind: never its client secret.

    Args:
        keys: those at the provider's `jwks_uri`.
        leeway: how far clocks may differ.
    """

    def __init__(self, keys: PublishedKeys, *, issuer: str, client_id: str, leeway: timedelta) -> None:
        self._keys = keys
        self._issuer = issuer
        self._client_id = client_id
        self._leeway = leeway

    async def verify(self, id_token: str, *, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that was made for us, and for the login with this nonce.

        Raises:
            OidcLoginError: with a short reason that never quotes the token.
            ServiceUnavailableError: the keys cannot be had.
        """
        if len(id_token) > MAX_TOKEN_CHARACTERS:
            raise _refused("too long")
        try:
            header = jwt.get_unverified_header(id_token)
            algorithm, kid = header.get("alg"), header.get("kid")
            if algorithm not in _ASYMMETRIC:
                raise _refused("its algorithm is not allowed")
            key = await self._keys.find(kid if isinstance(kid, str) else None, str(algorithm))
            if key is None:
                raise _refused("it is signed with an unknown key")
            claims = jwt.decode(
                id_token,
                key.key,
                algorithms=[str(algorithm)],
                audience=self._client_id,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": list(_REQUIRED)},
            )
        except jwt.ExpiredSignatureError as error:
            raise _refused("it has expired") from error
        except jwt.InvalidAudienceError as error:
            raise _refused("it was made for somebody else") from error
        except jwt.InvalidIssuerError as error:
            raise _refused("its issuer is not the expected one") from error
        except jwt.InvalidSignatureError as error:
            raise _refused("its signature is wrong") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _refused("malformed") from error
        self._check_party(claims)
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(errors="replace"), nonce.encode()):
            raise _refused("it belongs to another login")
        return claims

    def _check_party(self, claims: Mapping[str, Any]) -> None:
        """With several audiences only `azp` says for whom a token was made."""
        audience, party = claims.get("aud"), claims.get("azp")
        several = isinstance(audience, list) and len(audience) > 1  # pyright: ignore[reportUnknownArgumentType]
        if party != self._client_id and (party is not None or several):
            raise _refused("it was made for somebody else")


def person_of(claims: Mapping[str, Any], about: Mapping[str, Any], *, issuer: str) -> ExternalPerson:
    """
    Args:
        claims: of a verified ID token.
        about: where address and name are: the same, or what the provider says besides.

    Raises:
        OidcLoginError: no subject or no usable address.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_usable_subject(subject):
        raise _refused("it names nobody")
    if about.get("sub") != subject:
        raise OidcLoginError("The identity provider says two different things about who you are.")
    given, name, verified = about.get("email"), about.get("name"), about.get("email_verified")
    try:
        email = validate_email(given if isinstance(given, str) else "", check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise OidcLoginError("The identity provider does not tell an e-mail address of yours.") from error
    return ExternalPerson(
        issuer=issuer,
        subject=subject,
        email=email,
        # Normalising may turn one address into another: that one the provider has not verified.
        email_verified=(verified is True or verified == "true") and (str(given).isascii() or given == email),
        name=person_name(name),
        issued_at=datetime.fromtimestamp(max(0.0, float(claims["iat"])), UTC),
    )


def _refused(reason: str) -> OidcLoginError:
    return OidcLoginError(f"The identity provider's token cannot be used: {reason}.")

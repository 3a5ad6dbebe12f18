"""What the gateway knows about credentials, and the checks that a start does not pass without."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from fastapi import Request
from pydantic import SecretStr

from models.errors import ConfigurationError
from models.sessions import SessionRules
from models.token_claims import MIN_HMAC_KEY_CHARACTERS
from services.gateway.container import container_of

ALGORITHMS: Final = tuple(f"{family}{bits}" for family in ("HS", "RS", "ES") for bits in (256, 384, 512))
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_LOCAL_PATH: Final = re.compile(r"/(?!/)[A-Za-z0-9._~/-]*", re.ASCII)
_MARKER: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")


class AuthConfigError(ConfigurationError):
    """Settings with which nobody could be told from anybody."""

    code = "auth_configuration_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcOptions:
    """An OpenID Connect provider where people log in with their browsers.

    Attributes:
        redirect_uri: where the provider sends browsers back to, as it is registered there.
        return_paths: where a login may end, exact; the first is the default.
        registration_open: whether somebody without an account gets one.
    """

    issuer: str
    client_id: str
    client_secret: SecretStr | None = field(default=None, repr=False)
    redirect_uri: str
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    return_paths: tuple[str, ...] = ("/",)
    registration_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthOptions:
    """
    Attributes:
        enabled: whether credentials are asked for; if not, everybody is the local user.
        verify_key: an HMAC secret or a public key in PEM; empty if only published keys count.
        signing_key: a private key in PEM, where the verifying key is a public one.
        jwks_url: where published keys are; they count beside `verify_key`.
        built_in: whether accounts with passwords are kept here.
        console_url: without a slash at its end.
        setup_open: whether a setup code makes the first administrator.
    """

    production: bool = False
    enabled: bool = True
    verify_key: SecretStr = field(default=SecretStr(""), repr=False)
    signing_key: SecretStr | None = field(default=None, repr=False)
    algorithm: str = "HS256"
    audience: str = "authenticated"
    issuer: str | None = None
    leeway: timedelta = timedelta(seconds=10)
    jwks_url: str | None = None
    jwks_lifetime: timedelta = timedelta(minutes=5)
    jwks_pause: timedelta = timedelta(seconds=30)
    built_in: bool = True
    registration_open: bool = True
    require_verified_email: bool = False
    access_lifetime: timedelta = timedelta(hours=1)
    refresh_lifetime: timedelta = timedelta(days=30)
    cookie_domain: str | None = None
    cookie_secure: bool = True
    sessions: SessionRules = field(default_factory=SessionRules)
    trusted_origins: tuple[str, ...] = ()
    console_url: str = "http://127.0.0.1:8000"
    setup_open: bool = False
    oidc: OidcOptions | None = None

    @property
    def symmetric(self) -> bool:
        return self.algorithm.startswith("HS")

    @property
    def minting_key(self) -> str | None:
        """What our own tokens are signed with; None where we cannot."""
        if self.symmetric:
            return self.verify_key.get_secret_value() or None
        return self.signing_key.get_secret_value() if self.signing_key else None


def get_settings(request: Request) -> AuthOptions:
    """The options in force, as a dependency."""
    return container_of(request).auth


def verify_settings(options: AuthOptions) -> AuthOptions:
    """The same options, if a gateway may run with them.

    Raises:
        AuthConfigError: with what to change; keys are never quoted.
    """
    if not options.enabled:
        if options.production:
            raise AuthConfigError("ENABLE_AUTH=false makes everybody an administrator; production refuses it.")
        return options
    _check_url("JWT_JWKS_URL (or SUPABASE_URL)", options.jwks_url, production=options.production)
    _check_url("CONSOLE_URL", options.console_url)
    if options.algorithm not in ALGORITHMS:
        raise AuthConfigError(f"JWT_ALGORITHM {options.algorithm!r} is none of {', '.join(ALGORITHMS)}.")
    key = options.verify_key.get_secret_value().strip()
    if key:
        _check_key(options, key)
    elif options.jwks_url is None:
        raise AuthConfigError("JWT_VERIFY_KEY is empty. Set it to the key that your bearer tokens are signed with.")
    if options.built_in:
        _check_minting(options)
    if options.oidc is not None:
        _check_oidc(options.oidc, production=options.production)
    if options.production and not options.cookie_secure:
        raise AuthConfigError("AUTH_COOKIE_SECURE=false sends sessions in the clear; production refuses it.")
    return options


def _check_oidc(oidc: OidcOptions, *, production: bool) -> None:
    _check_url("OIDC_ISSUER", oidc.issuer, production=production)
    _check_url("CONSOLE_URL", oidc.redirect_uri, production=production)
    if "openid" not in oidc.scopes:
        raise AuthConfigError("OIDC_SCOPES lacks openid, without which no provider says who somebody is.")
    if not oidc.return_paths or not all(map(_LOCAL_PATH.fullmatch, oidc.return_paths)):
        raise AuthConfigError("OIDC_RETURN_PATHS must list paths of this gateway, each beginning with one slash.")


def _check_key(options: AuthOptions, key: str) -> None:
    if options.symmetric:
        if _MARKER.search(key) or key.startswith(("ssh-rsa ", "ecdsa-sha2-")):
            raise AuthConfigError(
                f"JWT_VERIFY_KEY is a public key, and JWT_ALGORITHM {options.algorithm} takes a secret: anybody who "
                f"has the public key could make tokens. Set JWT_ALGORITHM to RS256 or ES256."
            )
        if options.production and len(key) < MIN_HMAC_KEY_CHARACTERS:
            raise AuthConfigError(
                f"JWT_VERIFY_KEY has {len(key)} characters; at least {MIN_HMAC_KEY_CHARACTERS} are needed. "
                f"Use a longer key."
            )
        return
    _check_markers("JWT_VERIFY_KEY", key)
    try:
        loaded = load_pem_public_key(key.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AuthConfigError("JWT_VERIFY_KEY is not a public key in PEM.") from error
    _check_family("JWT_VERIFY_KEY", options.algorithm, loaded)


def _check_minting(options: AuthOptions) -> None:
    key = options.minting_key
    if key is None:
        raise AuthConfigError(
            "The built-in identity provider has no key to sign tokens with. Set JWT_SIGNING_KEY to a private key in "
            "PEM, or IDENTITY_PROVIDER=external."
        )
    if options.symmetric:
        return
    _check_markers("JWT_SIGNING_KEY", key)
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthConfigError("JWT_SIGNING_KEY is not a private key in PEM without a password.") from error
    _check_family("JWT_SIGNING_KEY", options.algorithm, private)
    public = load_pem_public_key(options.verify_key.get_secret_value().strip().encode())
    if private.public_key() != public:  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        raise AuthConfigError("JWT_SIGNING_KEY and JWT_VERIFY_KEY are no pair.")


def _check_markers(name: str, key: str) -> None:
    found = _MARKER.findall(key)
    if "BEGIN" not in found or "END" not in found:
        raise AuthConfigError(f"{name} must be PEM with both its markers, -----BEGIN ...----- and -----END ...-----.")


def _check_family(name: str, algorithm: str, key: object) -> None:
    if algorithm.startswith("RS"):
        if not isinstance(key, RSAPublicKey | RSAPrivateKey):
            raise AuthConfigError(f"{name} is no RSA key, as JWT_ALGORITHM {algorithm} needs.")
        if key.key_size < 2048:
            raise AuthConfigError(f"{name} has {key.key_size} bits; at least 2048 are needed.")
        return
    if not isinstance(key, EllipticCurvePublicKey | EllipticCurvePrivateKey) or key.curve.name != _CURVES[algorithm]:
        raise AuthConfigError(f"{name} is no key on the curve that JWT_ALGORITHM {algorithm} needs.")


def _check_url(name: str, url: str | None, *, production: bool = False) -> None:
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise AuthConfigError(f"{name} must begin with https:// (or http://).")
    if production and parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise AuthConfigError(f"{name} must begin with https:// in production: whoever can change keys is anybody.")

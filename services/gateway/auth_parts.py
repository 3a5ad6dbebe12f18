"""What authentication is made of: the part of the composition root that knows its adapters."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from redis.asyncio import Redis

from infra.attempts import RedisAttempts
from infra.jwks import HttpJwks
from infra.mail import BackgroundMailer, open_mailer
from infra.oidc_provider import HttpOidcProvider
from infra.passwords import Argon2Passwords
from infra.pending_logins import RedisPendingLogins
from infra.postgres import Database
from infra.sessions import RedisSessionStore
from infra.settings import Environment, Settings
from infra.stores.credential_lookup import SqlCredentialLookup
from models.ports import Clock
from models.sessions import IssuePolicy, SessionIssue, SessionRules
from models.stores import UnitOfWorkFactory
from services.gateway.auth.authenticator import Authenticator
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.id_tokens import IdTokenVerifier
from services.gateway.auth.oidc_parts import CALLBACK_PATH, OidcParts
from services.gateway.auth.published_keys import PublishedKeys
from services.gateway.auth.settings import AuthConfigError, AuthOptions, OidcOptions, verify_settings
from services.gateway.auth.tokens import TokenVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthParts:
    """Fields of the container."""

    auth: AuthOptions
    authenticator: Authenticator
    tokens: TokenVerifier
    lookup: SqlCredentialLookup
    sessions: RedisSessionStore
    passwords: Argon2Passwords
    attempts: RedisAttempts
    mailer: BackgroundMailer
    oidc: OidcParts | None


@asynccontextmanager
async def open_auth(
    options: AuthOptions,
    settings: Settings,
    *,
    units: UnitOfWorkFactory,
    database: Database,
    redis: "Redis",
    clock: Clock,
) -> AsyncGenerator[AuthParts]:
    """The parts for verified options. At the end mail that was taken is sent."""
    stack = AsyncExitStack()
    source = HttpJwks(options.jwks_url) if options.jwks_url else None
    if source is not None:
        stack.push_async_callback(source.aclose)
    oidc = _open_oidc(options, options.oidc, redis=redis, clock=clock, stack=stack) if options.oidc else None
    published = (
        PublishedKeys(source, clock=clock, lifetime=options.jwks_lifetime, pause=options.jwks_pause) if source else None
    )
    tokens = TokenVerifier(options, published=published)
    sessions = RedisSessionStore(redis, options.sessions)
    lookup = SqlCredentialLookup(database)
    mailer = open_mailer(settings.mail, settings.app.environment)
    authenticator = Authenticator(
        units=units,
        lookup=lookup,
        tokens=tokens,
        sessions=sessions,
        events=AuthEvents(units, clock),
        clock=clock,
        enabled=options.enabled,
    )
    try:
        yield AuthParts(
            auth=options,
            authenticator=authenticator,
            tokens=tokens,
            lookup=lookup,
            sessions=sessions,
            passwords=Argon2Passwords(),
            attempts=RedisAttempts(redis),
            mailer=mailer,
            oidc=oidc,
        )
    finally:
        await mailer.drain()
        await stack.aclose()


def _open_oidc(
    options: AuthOptions, oidc: OidcOptions, *, redis: "Redis", clock: Clock, stack: AsyncExitStack
) -> OidcParts:
    secret = oidc.client_secret.get_secret_value() if oidc.client_secret else ""
    provider = HttpOidcProvider(issuer=oidc.issuer, client_id=oidc.client_id, client_secret=secret or None, clock=clock)
    stack.push_async_callback(provider.aclose)
    keys = PublishedKeys(
        provider, clock=clock, lifetime=options.jwks_lifetime, pause=options.jwks_pause, setting="OIDC_ISSUER"
    )
    verifier = IdTokenVerifier(keys, issuer=oidc.issuer, client_id=oidc.client_id, leeway=options.leeway)
    return OidcParts(options=oidc, provider=provider, pending=RedisPendingLogins(redis), id_tokens=verifier)


def auth_options(settings: Settings, *, trusted_origins: tuple[str, ...] = ()) -> AuthOptions:
    """What the settings ask for, verified.

    Raises:
        AuthConfigError: a gateway must not run with it.
    """
    auth, identity = settings.auth, settings.identity
    production = settings.app.environment is Environment.PRODUCTION
    supabase = (auth.supabase_url or "").rstrip("/") or None
    if (supabase is None) != (auth.supabase_anon_key is None or not auth.supabase_anon_key.get_secret_value()):
        raise AuthConfigError("SUPABASE_URL and SUPABASE_ANON_KEY go together: set both or neither.")
    jwks_url = auth.jwt_jwks_url or (f"{supabase}/auth/v1/.well-known/jwks.json" if supabase else None)
    registration = identity.auth_registration
    return verify_settings(
        AuthOptions(
            production=production,
            enabled=auth.enable_auth,
            verify_key=auth.jwt_verify_key,
            signing_key=auth.jwt_signing_key,
            algorithm=auth.jwt_algorithm,
            audience=auth.jwt_audience,
            issuer=auth.jwt_issuer or (f"{supabase}/auth/v1" if supabase else None),
            leeway=timedelta(seconds=auth.jwt_leeway_seconds),
            jwks_url=jwks_url or None,
            jwks_lifetime=timedelta(seconds=auth.jwt_jwks_lifetime_seconds),
            jwks_pause=timedelta(seconds=auth.jwt_jwks_pause_seconds),
            built_in=_keeps_accounts(settings, external=bool(jwks_url)),
            registration_open=registration == "open" or (registration == "auto" and not production),
            require_verified_email=identity.auth_require_verified_email,
            access_lifetime=timedelta(seconds=identity.auth_access_token_seconds),
            refresh_lifetime=timedelta(days=identity.auth_refresh_token_days),
            cookie_domain=identity.auth_cookie_domain or None,
            cookie_secure=identity.auth_cookie_secure,
            sessions=SessionRules(
                timeout=timedelta(seconds=identity.auth_session_timeout),
                max_per_user=identity.auth_session_limit,
                max_requests_per_minute=identity.auth_session_requests_per_minute,
                policies={
                    SessionIssue.IP_CHANGE: IssuePolicy(identity.auth_session_on_ip_change),
                    SessionIssue.USER_AGENT_CHANGE: IssuePolicy(identity.auth_session_on_user_agent_change),
                    SessionIssue.ABNORMAL_FREQUENCY: IssuePolicy(identity.auth_session_on_abnormal_frequency),
                },
            ),
            trusted_origins=(*trusted_origins, *_console_origin(settings)),
            console_url=settings.mail.console_url.rstrip("/"),
            setup_open=identity.auth_setup == "on" or (identity.auth_setup == "auto" and production),
            oidc=_oidc_options(settings),
        )
    )


def _oidc_options(settings: Settings) -> OidcOptions | None:
    oidc = settings.oidc
    if not oidc.oidc_issuer and not oidc.oidc_client_id:
        return None
    if not oidc.oidc_issuer or not oidc.oidc_client_id:
        raise AuthConfigError("OIDC_ISSUER and OIDC_CLIENT_ID go together: set both or neither.")
    return OidcOptions(
        issuer=oidc.oidc_issuer,
        client_id=oidc.oidc_client_id,
        client_secret=oidc.oidc_client_secret,
        redirect_uri=settings.mail.console_url.rstrip("/") + CALLBACK_PATH,
        scopes=oidc.scopes,
        return_paths=oidc.return_paths,
        registration_open=oidc.oidc_registration == "open",
    )


def _console_origin(settings: Settings) -> tuple[str, ...]:
    """Where browsers see the console, which a proxy may hide from us; nothing if nobody has said it."""
    if "console_url" not in settings.mail.model_fields_set:
        return ()
    parts = urlsplit(settings.mail.console_url)
    return (f"{parts.scheme}://{parts.netloc}",)


def _keeps_accounts(settings: Settings, *, external: bool) -> bool:
    chosen = settings.identity.identity_provider
    if chosen != "auto":
        return chosen == "built-in"
    # A public key alone says that somebody else has the private one.
    return not external and (settings.auth.jwt_algorithm.startswith("HS") or settings.auth.jwt_signing_key is not None)

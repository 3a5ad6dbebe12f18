"""Logging in at a provider elsewhere: the way there, the way back, and whose account it is."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

from models.audit import AuditAction
from models.errors import InvalidRequestError, NotFoundError
from models.identity import new_secret, secret_hash
from models.oidc import ExternalPerson, OidcLoginError, PendingLogin
from models.users import User
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.id_tokens import person_of
from services.gateway.auth.oidc_parts import OidcParts
from services.gateway.auth.origin import RequestOrigin
from services.gateway.container import Container
from services.gateway.features.oidc.accounts import ExternalAccounts

LOGIN_LIFETIME: Final = timedelta(minutes=10)
"""So long a login may take at the provider."""


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send a browser, and what its cookie has to hold when it comes back."""

    url: str
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the provider sends along with a browser that comes back."""

    state: str = field(repr=False)
    code: str | None = field(repr=False)
    issuer: str | None
    error: str | None


def oidc_parts(container: Container) -> OidcParts:
    """Raises NotFoundError where there is no such provider."""
    if container.oidc is None:
        raise NotFoundError("Nobody logs in at another identity provider here. Set OIDC_ISSUER and OIDC_CLIENT_ID.")
    return container.oidc


class OidcLogins:
    def __init__(self, container: Container) -> None:
        self._oidc = oidc_parts(container)
        self._accounts = ExternalAccounts(container, self._oidc.options)
        self._events = AuthEvents(container.units, container.clock)

    async def begin(self, return_to: str | None) -> Departure:
        """
        Raises:
            InvalidRequestError: a login must not end there.
            ServiceUnavailableError: the provider or Redis does not answer.
        """
        options = self._oidc.options
        if return_to is not None and return_to not in options.return_paths:
            raise InvalidRequestError("A login must not end there: 'return_to' is none of OIDC_RETURN_PATHS.")
        endpoint = (await self._oidc.provider.describe()).authorization_endpoint
        state, state_hash = new_secret()
        browser, browser_hash = new_secret()
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        await self._oidc.pending.add(
            state_hash,
            PendingLogin(
                browser=browser_hash,
                nonce=nonce,
                verifier=verifier,
                return_to=return_to or options.return_paths[0],
            ),
            lifetime=LOGIN_LIFETIME,
        )
        asked = {
            "response_type": "code",
            "client_id": options.client_id,
            "redirect_uri": options.redirect_uri,
            "scope": " ".join(options.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        return Departure(f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}", browser)

    async def complete(self, arrival: Arrival, browser: str | None, origin: RequestOrigin) -> tuple[User, str]:
        """Who has logged in, and the path where their login ends. Nobody can come back twice.

        Args:
            browser: what its cookie holds.

        Raises:
            OidcLoginError: it is not a login that this browser began, or the provider does not confirm it.
            ForbiddenError, ConflictError: as for `ExternalAccounts.log_in`.
            ServiceUnavailableError: the provider, Redis or Postgres does not answer.
        """
        login = await self._oidc.pending.take(secret_hash(arrival.state))
        # Whoever sends somebody else the end of their own login would have them work in a stranger's account.
        if login is None or browser is None or not hmac.compare_digest(secret_hash(browser), login.browser):
            raise await self._failed(origin, "This login was not begun in this browser, or too long ago. Begin again.")
        if arrival.issuer is not None and arrival.issuer != self._oidc.options.issuer:
            raise await self._failed(origin, "This login comes from another identity provider. Begin again.")
        if arrival.error is not None or arrival.code is None:
            raise await self._failed(origin, "The identity provider did not let you in.")
        try:
            person = await self._who(arrival.code, login)
        except OidcLoginError as error:
            raise await self._failed(origin, error.message) from error
        return await self._accounts.log_in(person, origin), login.return_to

    async def _who(self, code: str, login: PendingLogin) -> ExternalPerson:
        options, provider = self._oidc.options, self._oidc.provider
        tokens = await provider.exchange(code, verifier=login.verifier, redirect_uri=options.redirect_uri)
        claims = await self._oidc.id_tokens.verify(tokens.id_token, nonce=login.nonce)
        about = claims
        if "email" not in claims and tokens.access_token is not None:
            about = await provider.user_info(tokens.access_token) or claims
        return person_of(claims, about, issuer=options.issuer)

    async def _failed(self, origin: RequestOrigin, reason: str) -> OidcLoginError:
        await self._events.record(AuditAction.LOGIN_FAILED, origin, user_id=None, provider=self._oidc.options.issuer)
        return OidcLoginError(reason)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

"""An OpenID Connect provider, called over HTTP."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

import structlog
from pydantic import ValidationError

from infra.provider_http import ProviderHttp
from models.errors import ConfigurationError, ServiceUnavailableError
from models.oidc import OidcLoginError, ProviderDocument, ProviderTokens
from models.ports import Clock

LIFETIME: Final = timedelta(hours=1)
"""After so long what the provider says about itself is asked for again."""

_PAUSE: Final = timedelta(seconds=2)
"""Between two attempts to ask."""

_OUR_FAULT: Final = frozenset({"invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"})
_WHAT: Final = "The identity provider in OIDC_ISSUER"

_log = structlog.get_logger(__name__)


class HttpOidcProvider:
    """The ports OidcProvider and JwksSource.

    What the provider says about itself is kept, also while it is away.

    Args:
        client_secret: None for a client without one, which PKCE alone protects.
    """

    def __init__(self, *, issuer: str, client_id: str, client_secret: str | None, clock: Clock) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._http = ProviderHttp(_WHAT)
        self._document: ProviderDocument | None = None
        self._read_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def describe(self) -> ProviderDocument:
        if self._is_due(LIFETIME, self._read_at) and (self._document is None or not self._lock.locked()):
            async with self._lock:
                await self._ask()
        if self._document is None:
            raise ServiceUnavailableError(f"{_WHAT} does not say where its endpoints are.")
        return self._document

    async def _ask(self) -> None:
        if not self._is_due(LIFETIME, self._read_at) or not self._is_due(_PAUSE, self._tried_at):
            return
        self._tried_at = self._clock.now()
        try:
            found = await self._http.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            self._document = self._checked(ProviderDocument.model_validate(found))
            self._read_at = self._tried_at
        except ValidationError:
            _log.error("auth.oidc_document_unusable", reason="it lacks endpoints")
        except (ServiceUnavailableError, ConfigurationError) as error:
            _log.error("auth.oidc_document_unusable", reason=error.message, known=self._document is not None)

    def _checked(self, document: ProviderDocument) -> ProviderDocument:
        if document.issuer != self._issuer:
            raise ConfigurationError("OIDC_ISSUER is not what the provider there calls itself.")
        schemes = {"https"} if self._issuer.startswith("https:") else {"https", "http"}
        urls = (document.authorization_endpoint, document.token_endpoint, document.jwks_uri, document.userinfo_endpoint)
        for url in urls:
            if url is not None and (urlsplit(url).scheme not in schemes or not urlsplit(url).netloc):
                raise ConfigurationError(f"{_WHAT} names an endpoint that does not begin with https://.")
        return document

    async def fetch(self) -> Mapping[str, Any]:
        return await self._http.get((await self.describe()).jwks_uri)

    async def exchange(self, code: str, *, verifier: str, redirect_uri: str) -> ProviderTokens:
        document = await self.describe()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        basic: tuple[str, str] | None = None
        if self._client_secret is None:
            form["client_id"] = self._client_id
        elif "client_secret_basic" in document.token_endpoint_auth_methods_supported:
            basic = (quote(self._client_id, safe=""), quote(self._client_secret, safe=""))
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        status, answer = await self._http.post(document.token_endpoint, form, basic=basic)
        if status != 200:
            raise _refusal(status, answer)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str):
            raise OidcLoginError("The identity provider gave no ID token.")
        return ProviderTokens(id_token, access_token if isinstance(access_token, str) else None)

    async def user_info(self, access_token: str) -> Mapping[str, Any]:
        url = (await self.describe()).userinfo_endpoint
        return await self._http.get(url, bearer=access_token) if url else {}

    async def aclose(self) -> None:
        await self._http.aclose()

    def _is_due(self, after: timedelta, since: datetime | None) -> bool:
        return since is None or self._clock.now() - since >= after


def _refusal(status: int, answer: Mapping[str, Any]) -> OidcLoginError | ConfigurationError:
    given = answer.get("error")
    error = given[:100] if isinstance(given, str) and given.isprintable() else None
    if error in _OUR_FAULT:
        return ConfigurationError(f"{_WHAT} refuses us ({error}): are OIDC_CLIENT_ID and OIDC_CLIENT_SECRET right?")
    _log.warning("auth.oidc_code_refused", status=status, error=error)
    return OidcLoginError("The identity provider did not accept this login. Begin again.")

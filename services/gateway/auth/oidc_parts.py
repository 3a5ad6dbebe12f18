"""What logging in at a provider elsewhere is made of."""

from dataclasses import dataclass
from typing import Final

from models.oidc import OidcProvider, PendingLogins
from services.gateway.auth.id_tokens import IdTokenVerifier
from services.gateway.auth.settings import OidcOptions

CALLBACK_PATH: Final = "/api/auth/oidc/callback"
"""Below `CONSOLE_URL`: the redirect URI to register at the provider."""


@dataclass(frozen=True, slots=True)
class OidcParts:
    options: OidcOptions
    provider: OidcProvider
    pending: PendingLogins
    id_tokens: IdTokenVerifier

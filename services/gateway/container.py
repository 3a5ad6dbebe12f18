"""What the gateway is made of: ports and values, put together by a composition root (`main.py`, or a test's)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import Request
from pydantic import SecretStr

from activities.blocks.registry import BlockRegistry
from models.identity import AttemptLimiter, CredentialLookup, Mailer, PasswordHasher
from models.ports import BlobStore, Clock, EventBus, FeatureFlags, GraphRunner, KeyedMutex, WaitRecorder
from models.sessions import SessionStore
from models.stores import UnitOfWorkFactory
from services.gateway.background import Background
from services.gateway.client_address import ClientAddresses
from services.gateway.metrics import GatewayMetrics
from services.gateway.rate_limit.gate import RateGate
from services.gateway.readiness import Readiness
from services.gateway.waiting_polls import WaitingPolls

if TYPE_CHECKING:
    from services.gateway.auth.authenticator import Authenticator
    from services.gateway.auth.oidc_parts import OidcParts
    from services.gateway.auth.settings import AuthOptions
    from services.gateway.auth.tokens import TokenVerifier


class PayloadTranslator(Protocol):
    """Temporal payloads in the JSON form of its codec protocol: `{"payloads": [{"metadata", "data"}, ...]}`."""

    async def encode(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises InvalidRequestError."""
        ...

    async def decode(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises InvalidRequestError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """
    Attributes:
        block_services: ports for blocks that run directly, by name (see `BlockContext.services`).
        oidc: None where nobody logs in at a provider elsewhere.
        codec: None where the Temporal Web UI gets nothing decoded.
    """

    units: UnitOfWorkFactory
    auth: "AuthOptions"
    authenticator: "Authenticator"
    tokens: "TokenVerifier"
    lookup: CredentialLookup
    sessions: SessionStore
    passwords: PasswordHasher
    attempts: AttemptLimiter
    mailer: Mailer
    background: Background
    blocks: BlockRegistry
    blobs: BlobStore
    runner: GraphRunner
    waits: WaitRecorder
    events: EventBus
    clock: Clock
    flags: FeatureFlags
    locks: KeyedMutex
    addresses: ClientAddresses
    rate_gate: RateGate
    metrics: GatewayMetrics
    readiness: Readiness
    polls: WaitingPolls = field(default_factory=WaitingPolls)
    oidc: "OidcParts | None" = None
    block_services: Mapping[str, Any] = field(default_factory=dict[str, Any])
    codec: PayloadTranslator | None = None
    codec_token: SecretStr | None = None
    codec_origins: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    max_request_bytes: int = 10 * 1024 * 1024
    max_body_seconds: float = 60
    trusted_hosts: tuple[str, ...] = ()
    production: bool = False


def container_of(request: Request) -> Container:
    return request.app.state.container

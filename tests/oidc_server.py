"""An OpenID Connect provider on a loopback port, and people who log in there."""

import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import jwt
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from httpx2 import AsyncClient

from tests.live_server import serving
from tests.signing_keys import a_key

CLIENT_ID: Final = "perdure-tests"
CLIENT_SECRET: Final = "what only: the gateway and the provider know"


@dataclass
class _Grant:
    query: dict[str, str]
    subject: str


@dataclass
class OidcServer:
    """A provider that checks what it has to: client, redirect URI, PKCE, and that a code is used once.

    Attributes:
        claims: of the ID tokens to come, beyond those that follow from the login; None leaves one out.
        about: what the userinfo endpoint says; None: there is no such endpoint.
        kid, key, algorithm: how ID tokens are signed.
        down: answers 503 to everything.
        asked: paths of all requests.
    """

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    about: dict[str, Any] | None = None
    kid: str = "first"
    key: str = field(default_factory=lambda: a_key("RS256").private_pem)
    algorithm: str = "RS256"
    down: bool = False
    asked: list[str] = field(default_factory=list[str])
    document_changes: dict[str, Any] = field(default_factory=dict[str, Any])
    _grants: dict[str, _Grant] = field(default_factory=dict[str, _Grant])

    def reset(self) -> None:
        fresh = OidcServer(issuer=self.issuer)
        self.__dict__.update(fresh.__dict__)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def note(request: Request, call_next: Any) -> Response:
            self.asked.append(request.url.path)
            return PlainTextResponse("secret of the provider", 503) if self.down else await call_next(request)

        app.get("/.well-known/openid-configuration")(self._document)
        app.get("/keys")(self._keys)
        app.get("/authorize")(self._authorize)
        app.post("/token")(self._token)
        app.get("/userinfo")(self._userinfo)
        return app

    async def _document(self) -> dict[str, Any]:
        userinfo = {"userinfo_endpoint": f"{self.issuer}/userinfo"} if self.about is not None else {}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **userinfo,
            **self.document_changes,
        }

    async def _keys(self) -> dict[str, Any]:
        return {"keys": [{**a_key("RS256").jwk, "kid": "first", "use": "sig"}]}

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._grants[code] = _Grant(query, str(self.claims.get("sub", "somebody")))
        return RedirectResponse(f"{query['redirect_uri']}?code={code}&state={query['state']}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        given = base64.b64decode(request.headers.get("Authorization", "Basic ").removeprefix("Basic ")).decode()
        expected = f"{CLIENT_ID}:what%20only%3A%20the%20gateway%20and%20the%20provider%20know"
        if given != expected:
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self._grants.pop(form["code"], None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        wanted = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        if (
            grant is None
            or grant.query["redirect_uri"] != form["redirect_uri"]
            or grant.query["code_challenge"] != wanted
        ):
            return JSONResponse({"error": "invalid_grant", "error_description": "secret of the provider"}, 400)
        id_token = self.id_token(grant.subject, nonce=grant.query["nonce"])
        return JSONResponse({"id_token": id_token, "access_token": "opaque", "token_type": "Bearer"})

    def id_token(self, subject: str, **changes: Any) -> str:
        now = datetime.now(UTC)
        payload = {
            "iss": self.issuer,
            "sub": subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + timedelta(minutes=5),
            **changes,
            **self.claims,
        }
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm=self.algorithm, headers={"kid": self.kid})

    async def _userinfo(self, request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer opaque" or self.about is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse(self.about)


@asynccontextmanager
async def oidc_server() -> AsyncGenerator[OidcServer]:
    server = OidcServer()
    async with serving(server.app()) as url:
        server.issuer = url
        yield server


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def visit_provider(url: str) -> str:
    """Goes where the gateway sends a browser; path and query with which the provider sends it back."""
    async with AsyncClient() as client:
        answer = await client.get(url)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"

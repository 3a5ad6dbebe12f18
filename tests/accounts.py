"""Accounts with passwords, as tests use them: people at browsers, and the mail they get."""

import email
import email.policy
import itertools
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from httpx2 import ASGITransport, AsyncClient, Response

from tests.gateway import Gateway
from tests.polling import eventually

SECURE_ORIGIN: Final = "https://gateway.example.com"
PASSWORD: Final = "correct horse battery staple"
_ports = itertools.count(1)


@asynccontextmanager
async def browser(
    gateway: Gateway, *, address: str | None = None, agent: str = "Test browser", **headers: str
) -> AsyncGenerator[AsyncClient]:
    """A client with cookies, by default at an address of its own."""
    number = next(_ports)
    transport = ASGITransport(app=gateway.app, client=(address or f"198.18.{number // 250}.{number % 250 + 1}", 1))
    given = {"User-Agent": agent, **headers}
    async with AsyncClient(transport=transport, base_url=SECURE_ORIGIN, headers=given) as client:
        yield client


def new_address() -> str:
    return f"{uuid4().hex[:12]}@example.com"


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    gateway: Gateway
    email: str
    password: str = PASSWORD

    @classmethod
    async def register(cls, gateway: Gateway, **fields: Any) -> "Person":
        person = cls(gateway, new_address())
        async with browser(gateway) as client:
            body = {"email": person.email, "password": person.password, **fields}
            response = await client.post("/api/auth/register", json=body)
        assert response.status_code == 202, response.text
        return person

    async def login(self, *, password: str | None = None, address: str | None = None) -> Response:
        async with browser(self.gateway, address=address) as client:
            body = {"email": self.email, "password": password or self.password}
            return await client.post("/api/auth/login", json=body)

    async def tokens(self) -> dict[str, Any]:
        response = await self.login()
        assert response.status_code == 200, response.text
        return response.json()

    async def user_id(self) -> str:
        return (await self.tokens())["user"]["id"]


async def log_in(client: AsyncClient, person: Person) -> dict[str, Any]:
    """Gives the browser a session, and its requests the CSRF token."""
    response = await client.post("/api/auth/session", json={"email": person.email, "password": person.password})
    assert response.status_code == 200, response.text
    client.headers["X-CSRF-Token"] = response.json()["csrf_token"]
    return response.json()


async def mails_to(gateway: Gateway, address: str) -> list[tuple[str, str]]:
    """Subject and text of every mail so far, oldest first."""
    found: list[tuple[str, str]] = []
    folder = gateway.settings.mail.mail_folder
    assert folder is not None
    for path in sorted(folder.glob("*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if message["To"] == address:
            found.append((message["Subject"], message.get_content()))
    return found


async def mail_token(gateway: Gateway, address: str, about: str, *, number: int = 1) -> str:
    """The token in the `number`-th mail to an address whose subject holds `about`."""

    async def enough() -> list[str]:
        texts = [text for subject, text in await mails_to(gateway, address) if about in subject]
        return texts if len(texts) >= number else []

    texts = await eventually(enough)
    match = re.search(r"token=([A-Za-z0-9_-]+)", texts[number - 1])
    assert match is not None, texts
    return match[1]

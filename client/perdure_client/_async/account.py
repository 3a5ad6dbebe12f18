"""`client.account`."""

from typing import Any

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, nothing, one, page_of, path_of
from perdure_client.models import Revoked, Session, Tokens


class AsyncAccountCalls:
    """Accounts with passwords, where the gateway keeps them, and your logins. Keys and tokens for programs: `api_keys`.

    `set_up`, `login`, `refresh` and `logout` need no key; all else needs somebody's token: API keys are Forbidden.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def set_up(self, setup_code: str, email: str, password: str) -> Tokens:
        """Makes the first administrator of an installation, once, with the code in the log of its gateway.

        Raises:
            Unauthorized: it is not the code.
            NotFound: there is an administrator, or none can be made this way.
        """
        return await self._tokens("setup", {"token": setup_code, "email": email, "password": password})

    async def login(self, email: str, password: str) -> Tokens:
        """Tokens for a password: `access_token` goes where an API key goes, and is good for about an hour.

        Raises:
            Unauthorized: not an address and its password.
            RateLimited: too many attempts.
            NotFound: accounts are kept by another identity provider.
        """
        return await self._tokens("login", {"email": email, "password": password})

    async def refresh(self, refresh_token: str) -> Tokens:
        """New tokens for a refresh token, which is used up. The call is not repeated after a failure.

        Raises:
            Unauthorized: it is not good, or no longer.
        """
        return await self._tokens("refresh", {"refresh_token": refresh_token})

    async def logout(self, refresh_token: str) -> None:
        """Ends the login that a refresh token belongs to."""
        await self._do("logout", {"refresh_token": refresh_token})

    async def logout_everywhere(self) -> None:
        """Ends every token and session of yours; API keys stay."""
        await self._do("logout-everywhere")

    async def change_password(self, current: str, new: str) -> Tokens:
        """Replaces your password and ends every other login. Raises Forbidden if `current` is not right."""
        return await self._tokens("password", {"current_password": current, "new_password": new})

    async def sessions(self) -> Page[Session]:
        """Your logins at browsers, newest first."""
        return await self._transport.call(
            Request(method="GET", path=path_of("api", "auth", "sessions"), read=page_of(Session), repeatable=True)
        )

    async def revoke_session(self, session_id: str) -> None:
        """Ends a login at a browser. Raises NotFound if there is none."""
        path = path_of("api", "auth", "sessions", session_id)
        await self._transport.call(Request(method="DELETE", path=path, read=nothing))

    async def revoke_sessions(self) -> int:
        """Ends all your logins at browsers; how many there were."""
        path = path_of("api", "auth", "sessions")
        answer = await self._transport.call(Request(method="DELETE", path=path, read=one(Revoked), repeatable=True))
        return answer.revoked

    async def _tokens(self, call: str, body: dict[str, Any]) -> Tokens:
        path = path_of("api", "auth", call)
        return await self._transport.call(Request(method="POST", path=path, body=body, read=one(Tokens)))

    async def _do(self, call: str, body: dict[str, Any] | None = None) -> None:
        path = path_of("api", "auth", call)
        await self._transport.call(Request(method="POST", path=path, body=body, read=nothing, repeatable=True))

"""Calls of identity providers: bounded in time and size, JSON only, and never sent elsewhere by a redirect."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import orjson

from models.errors import ServiceUnavailableError

MAX_BYTES: Final = 262_144
_SECONDS: Final = 5.0
_SECONDS_IN_ALL: Final = 10.0


class ProviderHttp:
    """
    Args:
        what: names the provider in errors, which are for operators.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._client = httpx2.AsyncClient(timeout=_SECONDS, follow_redirects=False)

    async def get(self, url: str, *, bearer: str | None = None) -> Mapping[str, Any]:
        """Raises ServiceUnavailableError unless the answer is 200 with a JSON object."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        status, document = await self._call("GET", url, headers=headers)
        if status != 200:
            raise self._away(f"answers {status}")
        return document

    async def post(
        self, url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object. Raises ServiceUnavailableError if there is none, or the status is above 499."""
        auth = httpx2.BasicAuth(*basic) if basic else None
        status, document = await self._call("POST", url, data=dict(form), auth=auth)
        if status >= 500:
            raise self._away(f"answers {status}")
        return status, document

    async def _call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        auth: httpx2.BasicAuth | None = None,
    ) -> tuple[int, Mapping[str, Any]]:
        given = {"Accept": "application/json", **(headers or {})}
        status = 0
        try:
            async with (
                asyncio.timeout(_SECONDS_IN_ALL),
                self._client.stream(method, url, headers=given, data=data, auth=auth) as answer,
            ):
                status, body = answer.status_code, bytearray()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > MAX_BYTES:
                        raise self._away("gives an answer that is too large")
            document = orjson.loads(body)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise self._away(f"does not answer: {type(error).__name__}") from error
        except ValueError as error:
            raise self._away(f"answers {status} without JSON") from error
        if not isinstance(document, dict):
            raise self._away("gives an answer that is no JSON object")
        return status, document  # pyright: ignore[reportUnknownVariableType]

    async def aclose(self) -> None:
        await self._client.aclose()

    def _away(self, reason: str) -> ServiceUnavailableError:
        return ServiceUnavailableError(f"{self._what} {reason}.")

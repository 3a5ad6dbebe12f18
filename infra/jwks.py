"""Fetches the keys that an identity provider publishes."""

from collections.abc import Mapping
from typing import Any, Final

import httpx2
import orjson

from models.errors import ServiceUnavailableError

MAX_BYTES: Final = 262_144
_SECONDS: Final = 5.0


class HttpJwks:
    """The port JwksSource. Redirects are not followed: the operator names the address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx2.AsyncClient(timeout=_SECONDS, follow_redirects=False)

    async def fetch(self) -> Mapping[str, Any]:
        try:
            async with self._client.stream("GET", self._url, headers={"Accept": "application/json"}) as answer:
                if answer.status_code != 200:
                    raise _away(f"it answers {answer.status_code}")
                body = bytearray()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > MAX_BYTES:
                        raise _away("its answer is too large")
            document = orjson.loads(body)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _away(type(error).__name__) from error
        except ValueError as error:
            raise _away("its answer is not JSON") from error
        if not isinstance(document, dict):
            raise _away("its answer is no key set")
        return document  # pyright: ignore[reportUnknownVariableType]

    async def aclose(self) -> None:
        await self._client.aclose()


def _away(reason: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"The keys at JWT_JWKS_URL cannot be had: {reason}.")

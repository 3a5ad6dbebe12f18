"""Fetches the keys that an identity provider publishes."""

from collections.abc import Mapping
from typing import Any

from infra.provider_http import ProviderHttp


class HttpJwks:
    """The port JwksSource. Redirects are not followed: the operator names the address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = ProviderHttp("What JWT_JWKS_URL names")

    async def fetch(self) -> Mapping[str, Any]:
        return await self._http.get(self._url)

    async def aclose(self) -> None:
        await self._http.aclose()

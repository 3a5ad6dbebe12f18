"""Sends requests, again where that is safe, and maps what goes wrong."""

from typing import TypeVar

import httpx2

from perdure_client._pause import async_sleep
from perdure_client._request import Request, answer
from perdure_client._retries import Retries
from perdure_client._settings import ClientSettings
from perdure_client.errors import ConnectionFailed, PerdureError, Timeout

T = TypeVar("T")


class AsyncTransport:
    """One pool of connections to the gateway."""

    def __init__(self, settings: ClientSettings, retries: Retries, *, http: httpx2.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._retries = retries
        self._client = httpx2.AsyncClient(
            base_url=settings.base_url, headers=settings.headers, timeout=settings.timeout(), transport=http
        )

    @property
    def url(self) -> str:
        return self._settings.shown_url

    async def call(self, request: Request[T]) -> T:
        """The result of a request.

        Raises:
            PerdureError: of the last attempt, if it was repeated.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return answer(request, await self._send(request))
            except PerdureError as error:
                delay = self._retries.delay(error, attempt=attempt) if request.repeatable else None
                if delay is None:
                    raise
            await async_sleep(delay)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _send(self, request: Request[T]) -> httpx2.Response:
        try:
            return await self._client.request(
                request.method,
                request.path,
                params=dict(request.params) or None,
                json=request.body,
                headers=dict(request.headers),
                timeout=self._settings.timeout(patience_seconds=request.patience_seconds),
            )
        except (httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.PoolTimeout) as error:
            raise Timeout(f"The gateway at {self.url} did not answer in time.") from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise ConnectionFailed(
                f"The gateway at {self.url} does not answer ({type(error).__name__}). Is it running?"
            ) from error

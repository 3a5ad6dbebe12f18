"""What both clients are made with."""

import re
from dataclasses import dataclass, field
from typing import Final

import httpx2

CONNECT_SECONDS: Final = 5.0
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True)
class ClientSettings:
    """A checked address and key.

    Raises:
        ValueError: one of them cannot be used; the message does not show the key.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    timeout_seconds: float

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.base_url)
        except httpx2.InvalidURL as error:
            raise ValueError(f"The address of the gateway cannot be read: {error}") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"{self.shown_url!r} is no address of a gateway: expected http://host:port.")
        if self.api_key is not None and not _VISIBLE.fullmatch(self.api_key):
            raise ValueError("The API key is empty or has characters that no key has, such as spaces or line ends.")

    @property
    def shown_url(self) -> str:
        """The address without anything secret in it."""
        url = httpx2.URL(self.base_url)
        return str(url.copy_with(username=None, password=None, query=None, fragment=None)).rstrip("/")

    @property
    def headers(self) -> dict[str, str]:
        sent = {"User-Agent": "perdure-client"}
        return sent if self.api_key is None else {**sent, "Authorization": f"Bearer {self.api_key}"}

    def timeout(self, *, patience_seconds: float = 0) -> httpx2.Timeout:
        """`patience_seconds`: how much longer than usual an answer may take."""
        return httpx2.Timeout(self.timeout_seconds + patience_seconds, connect=CONNECT_SECONDS)

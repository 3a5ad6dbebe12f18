"""The blob store: large values, encrypted, in a local folder or a bucket."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from infra.crypto import KeyRing
from infra.settings import BlobSettings
from models.errors import ConfigurationError, NotFoundError, ServiceUnavailableError


class EncryptedBlobStore:
    """The port BlobStore. The first two parts of a key (`runs/{id}`) are the scope of its encryption.

    Every call raises ServiceUnavailableError if the store does not do what it is asked.
    """

    def __init__(self, store: ObjectStore, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    async def put(self, key: str, data: bytes) -> None:
        sealed = self._keys.encrypt(data, scope=_scope(key))
        with _store_errors():
            await obstore.put_async(self._store, key, sealed)

    async def get(self, key: str) -> bytes:
        try:
            with _store_errors():
                found = await obstore.get_async(self._store, key)
                sealed = bytes(await found.bytes_async())
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no stored value {key!r}: it has expired with its run.") from error
        return self._keys.decrypt(sealed, scope=_scope(key))

    async def find_first(self, prefix: str) -> str | None:
        """Key of some value below a prefix; None if there is none."""
        with _store_errors():
            async for batch in obstore.list(self._store, prefix=prefix, chunk_size=1):
                return batch[0]["path"] if batch else None
        return None

    async def delete(self, key: str) -> None:
        with _store_errors():
            await obstore.delete_async(self._store, key)

    async def delete_prefix(self, prefix: str) -> None:
        with _store_errors():
            async for batch in obstore.list(self._store, prefix=prefix):
                await obstore.delete_async(self._store, [meta["path"] for meta in batch])


def open_blob_store(settings: BlobSettings, keys: KeyRing) -> EncryptedBlobStore:
    """The store that BLOB_STORE_URL names; a local folder is made if needed.

    Raises:
        ConfigurationError: a URL of an unknown kind.
    """
    url = settings.blob_store_url
    if url.startswith("file:"):
        folder = Path(re.sub("/+", "/", url.removeprefix("file:"))).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return EncryptedBlobStore(LocalStore(folder), keys)
    if url.startswith("s3://"):
        return EncryptedBlobStore(from_url(url), keys)
    raise ConfigurationError(f"BLOB_STORE_URL {url!r} must begin with file: or s3://")


@contextmanager
def _store_errors() -> Generator[None]:
    """Says that the store is away without its own text, which quotes folders, addresses and requests."""
    try:
        yield
    except FileNotFoundError:
        raise
    except BaseError as error:
        raise ServiceUnavailableError(
            f"The blob store does not answer ({type(error).__name__}). Is BLOB_STORE_URL right and writable?",
            user_message="Large values are not available at the moment. Please try again shortly.",
            details={"service": "blob store"},
        ) from None


def _scope(key: str) -> str:
    return "blob:" + "/".join(key.split("/")[:2])

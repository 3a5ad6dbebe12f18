"""The blob store: large values, encrypted, in a local folder or a bucket."""

from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from infra.crypto import KeyRing
from infra.settings import BlobSettings
from models.errors import ConfigurationError, NotFoundError


class EncryptedBlobStore:
    """Blobs by key. The first two parts of a key (`runs/{id}`) are the scope of its encryption."""

    def __init__(self, store: ObjectStore, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    async def put(self, key: str, data: bytes) -> None:
        await obstore.put_async(self._store, key, self._keys.encrypt(data, scope=_scope(key)))

    async def get(self, key: str) -> bytes:
        """Raises NotFoundError."""
        try:
            found = await obstore.get_async(self._store, key)
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no stored value {key!r}: it has expired with its run.") from error
        return self._keys.decrypt(bytes(await found.bytes_async()), scope=_scope(key))

    async def delete_prefix(self, prefix: str) -> None:
        async for batch in obstore.list(self._store, prefix=prefix):
            await obstore.delete_async(self._store, [meta["path"] for meta in batch])


def open_blob_store(settings: BlobSettings, keys: KeyRing) -> EncryptedBlobStore:
    """The store that BLOB_STORE_URL names; a local folder is made if needed.

    Raises:
        ConfigurationError: a URL of an unknown kind.
    """
    url = settings.blob_store_url
    if url.startswith("file:"):
        folder = Path(url.removeprefix("file:").replace("//", "/")).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return EncryptedBlobStore(LocalStore(folder), keys)
    if url.startswith("s3://"):
        return EncryptedBlobStore(from_url(url), keys)
    raise ConfigurationError(f"BLOB_STORE_URL {url!r} must begin with file: or s3://")


def _scope(key: str) -> str:
    return "blob:" + "/".join(key.split("/")[:2])

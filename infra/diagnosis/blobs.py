"""The blob store: whether it can be written, and whether our keys read what is in it."""

import re
from pathlib import Path
from uuid import uuid4

from infra.blobs import EncryptedBlobStore, open_blob_store
from infra.crypto import DecryptionError, KeyRing
from infra.diagnosis.finding import Finding, ok, problem
from infra.settings import BlobSettings
from models.errors import AppError, ConfigurationError, NotFoundError

CHECK = "blob store"


def local_folder(settings: BlobSettings) -> Path | None:
    """The folder of a local store; None for a bucket."""
    url = settings.blob_store_url
    return Path(re.sub("/+", "/", url.removeprefix("file:"))) if url.startswith("file:") else None


async def check_blob_store(settings: BlobSettings, encryption_keys: str) -> Finding:
    """Writes, reads and removes a value of its own, and reads one of a run if there is any."""
    try:
        keys = KeyRing.parse(encryption_keys)
    except ConfigurationError:
        return problem(CHECK, "It cannot be used without encryption keys.", "See the check of the encryption keys.")
    shown = settings.blob_store_url.partition("?")[0]
    try:
        store = open_blob_store(settings, keys)
    except ConfigurationError:
        return problem(CHECK, "BLOB_STORE_URL cannot be used.", "See the check of the settings.")
    except OSError as error:
        hint = "Correct BLOB_STORE_URL, or owner and mode of the folder."
        return problem(CHECK, f"{shown} cannot be made: {error.strerror}.", hint)
    return await _try(store, shown)


async def _try(store: EncryptedBlobStore, shown: str) -> Finding:
    probe, content = f"doctor/{uuid4()}", b"written by perdure doctor"
    try:
        await store.put(probe, content)
        read = await store.get(probe)
        await store.delete(probe)
    except AppError as error:
        hint = "Is there room, and may we write? Correct BLOB_STORE_URL, or owner and mode of the folder."
        return problem(CHECK, f"{shown} cannot be written and read: {error.message}", hint)
    if read != content:
        return problem(CHECK, f"{shown} does not give back what is written.", "Check the store itself.")
    try:
        found = await store.find_first("runs")
        if found is not None:
            await store.get(found)
    except NotFoundError:
        pass  # has just been removed with its run
    except DecryptionError as error:
        hint = "Add the key that was used to ENCRYPTION_KEYS, behind the present one."
        return problem(CHECK, f"Values of runs in {shown} cannot be read: {error.message}", hint)
    except AppError as error:
        return problem(CHECK, f"Values of runs in {shown} cannot be read: {error.message}", "Check the store itself.")
    return ok(CHECK, f"{shown} can be written, and read with our keys.")

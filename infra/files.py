"""Files of runs in the blob store, beside the run's large values."""

import hashlib
import re
from typing import Final
from urllib.parse import unquote

import orjson

from models.errors import BlockConfigurationError, BlockError, NotFoundError
from models.ids import GraphExecId
from models.media import (
    WORKSPACE_SCHEME,
    MediaFile,
    check_file_size,
    clean_file_name,
    quote_name,
    shorten,
)
from models.ports import BlobStore
from models.value_store import run_prefix

_ID: Final = re.compile(r"[0-9a-f]{64}")


class RunFiles:
    """The port FileStore. A reference is `workspace://{graph_exec_id}/{id}/{name}`.

    The id is the hash of name, type and content, so that saving a file again is idempotent; the name in a reference is
    there for people. Only the id, which cannot be anything else than hexadecimal digits, gets into a key.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def save(self, file: MediaFile, *, graph_exec_id: GraphExecId) -> str:
        check_file_size(len(file.data))
        name = clean_file_name(file.name)
        head = orjson.dumps([name, file.media_type])
        content = len(head).to_bytes(4, "big") + head + file.data
        id = hashlib.sha256(content).hexdigest()
        await self._blobs.put(_key(graph_exec_id, id), content)
        return f"{WORKSPACE_SCHEME}{graph_exec_id}/{id}/{quote_name(name)}"

    async def load(self, reference: str, *, graph_exec_id: GraphExecId) -> MediaFile:
        path = reference
        if reference.lower().startswith(WORKSPACE_SCHEME):
            owner, _, path = reference[len(WORKSPACE_SCHEME) :].partition("/")
            if unquote(owner) != graph_exec_id:
                raise BlockError(
                    f"The file {shorten(reference)!r} is not one of this run. "
                    "Give a file to another run as a data URI (`base_64` of File Store)."
                )
        id = path.partition("/")[0]
        if not _ID.fullmatch(id):
            raise _missing(reference)
        try:
            content = await self._blobs.get(_key(graph_exec_id, id))
        except NotFoundError:
            raise _missing(reference) from None
        start = 4 + int.from_bytes(content[:4], "big")
        name, media_type = orjson.loads(content[4:start])
        return MediaFile(name=name, media_type=media_type, data=content[start:])

    async def download(self, url: str) -> MediaFile:
        raise BlockConfigurationError(
            f"The file {shorten(url)!r} cannot be had: this server downloads nothing yet. Downloading comes with the "
            "egress client; until then give the file as a data URI."
        )


def _key(graph_exec_id: GraphExecId, id: str) -> str:
    return f"{run_prefix(graph_exec_id)}files/{id}"


def _missing(reference: str) -> BlockError:
    return BlockError(f"There is no file {shorten(reference)!r} in this run. Use what a File Store block gave.")

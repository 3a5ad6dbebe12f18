"""What blocks get from their context: ports by name, and what is said when a server offers none."""

from datetime import UTC, datetime
from typing import cast

from models.blocks import BlockContext
from models.errors import BlockConfigurationError
from models.media import MediaFile, is_data_uri, is_url, parse_data_uri, to_data_uri
from models.ports import Clock, FileStore, KeyValueStore


def find_file_store(context: BlockContext) -> FileStore | None:
    return cast("FileStore | None", context.services.get("file_store"))


def get_key_value_store(context: BlockContext) -> KeyValueStore:
    """Raises BlockConfigurationError."""
    store = cast("KeyValueStore | None", context.services.get("key_value_store"))
    if store is None:
        raise BlockConfigurationError("This server keeps no values of blocks: it offers no service 'key_value_store'.")
    return store


def now(context: BlockContext) -> datetime:
    """The current time in UTC, by the service `clock` if there is one."""
    clock = cast("Clock | None", context.services.get("clock"))
    return clock.now() if clock is not None else datetime.now(UTC)


async def read_media(source: str, context: BlockContext) -> MediaFile:
    """The file of a media value.

    Raises:
        BlockError: there is no such file, it is too large, or this server has no way to get it.
    """
    if is_data_uri(source):
        return parse_data_uri(source)
    store = find_file_store(context)
    if store is None:
        raise BlockConfigurationError("This server keeps no files: it offers no service 'file_store'. Use a data URI.")
    if is_url(source):
        return await store.download(source)
    return await store.load(source, graph_exec_id=context.graph_exec_id)


async def read_media_as_data_uri(source: str, context: BlockContext) -> str:
    """A media value in the form that may leave the run: to its outputs, to sub-agents, to third parties.

    Raises:
        BlockError: as for `read_media`.
    """
    file = await read_media(source, context)
    return to_data_uri(file)

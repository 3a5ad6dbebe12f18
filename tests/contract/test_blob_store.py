"""The port BlobStore: in memory, and encrypted in a local folder."""

import asyncio
from pathlib import Path

import pytest

from infra.blobs import EncryptedBlobStore, open_blob_store
from infra.crypto import DecryptionError, KeyRing, new_key
from infra.settings import BlobSettings
from models.errors import ConfigurationError, NotFoundError, ServiceUnavailableError
from models.ports import BlobStore
from tests.fakes import MemoryBlobStore

KEY = new_key()


def open_folder(folder: Path, key: str = KEY) -> EncryptedBlobStore:
    return open_blob_store(BlobSettings(blob_store_url=f"file:{folder}"), KeyRing.parse(key))


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return MemoryBlobStore() if request.param == "memory" else open_folder(tmp_path / "blobs")


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 8192], ids=len)
async def test_round_trip(store: BlobStore, data: bytes) -> None:
    await store.put("runs/r1/a", data)
    assert await store.get("runs/r1/a") == data


async def test_missing_blob_is_not_found(store: BlobStore) -> None:
    await store.put("runs/r1/a", b"1")
    for key in ("runs/r1/b", "runs/r2/a", "runs/r1"):
        with pytest.raises(NotFoundError):
            await store.get(key)


async def test_putting_the_same_again_changes_nothing(store: BlobStore) -> None:
    for _ in range(3):
        await store.put("runs/r1/a", b"same")
    assert await store.get("runs/r1/a") == b"same"


async def test_deleting_a_prefix_leaves_its_neighbours(store: BlobStore) -> None:
    mine = [f"runs/r1/{number}" for number in range(120)]
    others = ["runs/r10/a", "runs/r/a", "runs/r2/a", "others/r1/a"]
    for key in mine + others:
        await store.put(key, key.encode())
    await store.delete_prefix("runs/r1/")
    for key in mine:
        with pytest.raises(NotFoundError):
            await store.get(key)
    assert [await store.get(key) for key in others] == [key.encode() for key in others]
    await store.delete_prefix("runs/r1/")


async def test_concurrent_puts_of_one_key(store: BlobStore) -> None:
    data = b"z" * 300_000
    await asyncio.gather(*(store.put("runs/r1/same", data) for _ in range(40)))
    assert await store.get("runs/r1/same") == data


async def test_reading_while_it_is_written_again_never_sees_a_part(store: BlobStore) -> None:
    data = b"z" * 300_000
    await store.put("runs/r1/same", data)

    async def write() -> None:
        for _ in range(20):
            await store.put("runs/r1/same", data)

    async def read() -> None:
        for _ in range(20):
            assert await store.get("runs/r1/same") == data

    await asyncio.gather(write(), write(), read(), read())


@pytest.mark.parametrize("key", ["runs/r1/ä b%2F", "runs/r1/%2e%2e", "runs/r1/a:b*?", "runs/r1/~#"])
async def test_odd_keys_are_only_keys(store: BlobStore, key: str) -> None:
    await store.put(key, b"odd")
    assert await store.get(key) == b"odd"


async def test_keys_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = open_folder(tmp_path / "blobs")
    (tmp_path / "outside").write_text("outside")
    for key in ("../outside", "runs/../../outside", "runs/r1/../../../outside"):
        with pytest.raises(ValueError, match="path"):
            await store.get(key)
        with pytest.raises(ValueError, match="path"):
            await store.put(key, b"changed")
    assert (tmp_path / "outside").read_text() == "outside"


async def test_content_is_unreadable_on_disk(tmp_path: Path) -> None:
    store = open_folder(tmp_path)
    await store.put("runs/r1/a", b"a secret of a user" * 10)
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert b"secret" not in file.read_bytes()


async def test_another_key_or_another_run_cannot_read_it(tmp_path: Path) -> None:
    store = open_folder(tmp_path)
    await store.put("runs/r1/a", b"x")
    with pytest.raises(DecryptionError):
        await open_folder(tmp_path, new_key()).get("runs/r1/a")
    (tmp_path / "runs" / "r2").mkdir()
    (tmp_path / "runs" / "r1" / "a").rename(tmp_path / "runs" / "r2" / "a")
    with pytest.raises(DecryptionError):
        await store.get("runs/r2/a")


async def test_rotated_keys_read_what_the_old_one_wrote(tmp_path: Path) -> None:
    await open_folder(tmp_path).put("runs/r1/a", b"x")
    assert await open_folder(tmp_path, f"{new_key()},{KEY}").get("runs/r1/a") == b"x"


async def test_place_that_cannot_be_written_is_an_outage_without_its_address(tmp_path: Path) -> None:
    store = open_folder(tmp_path / "blobs")
    (tmp_path / "blobs" / "runs").write_text("a file where a folder should be")
    with pytest.raises(ServiceUnavailableError, match="blob store does not answer") as caught:
        await store.put("runs/r1/a", b"x")
    assert str(tmp_path) not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("slashes", ["", "//", "///"])
async def test_folder_urls(tmp_path: Path, slashes: str) -> None:
    url = f"file:{slashes}{str(tmp_path).lstrip('/') if slashes == '///' else tmp_path}"
    await open_blob_store(BlobSettings(blob_store_url=url), KeyRing.parse(KEY)).put("runs/r1/a", b"x")
    assert (tmp_path / "runs" / "r1" / "a").is_file()


def test_unknown_kind_of_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must begin with file: or s3://"):
        open_blob_store(BlobSettings(blob_store_url="ftp://host/x"), KeyRing.parse(KEY))

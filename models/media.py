"""Files as values: what a media value (a pin of format `file`) is made of, without any I/O.

A media value is text: a data URI, a URL, a reference into the file area of a run (`workspace://...`), or a path in it.
"""

import base64
import binascii
import mimetypes
import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes

from models.errors import BlockError
from models.values import VALUE_LIMIT_BYTES

FILE_LIMIT_BYTES: Final = VALUE_LIMIT_BYTES
"""No file may be larger."""

MAX_NAME_BYTES: Final = 255
"""Of a file's name in UTF-8: what file systems take."""

WORKSPACE_SCHEME: Final = "workspace://"
DEFAULT_NAME: Final = "file"
DEFAULT_MEDIA_TYPE: Final = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}", re.ASCII)
_TYPES = mimetypes.MimeTypes(filenames=())
"""Python's own table: the one of the machine would make names differ between workers."""

_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class MediaFile:
    """`name` is one path component; `media_type` has no parameters."""

    name: str
    media_type: str
    data: bytes


def is_data_uri(source: str) -> bool:
    return source[:5].lower() == "data:"


def is_url(source: str) -> bool:
    return source[:8].lower().startswith(("http://", "https://"))


def parse_data_uri(uri: str) -> MediaFile:
    """The file in a data URI, base64 or percent-encoded; a parameter `name` or `filename` names it.

    Raises:
        BlockError: it has no comma, no valid base64, or more than FILE_LIMIT_BYTES.
    """
    head, comma, content = uri[5:].partition(",")
    if not comma:
        raise BlockError(f"Not a data URI: {shorten(uri)!r} has no comma between its type and its content.")
    kind, *parameters = (part.strip() for part in head.split(";"))
    is_base64 = bool(parameters) and parameters[-1].lower() == "base64"
    check_file_size(len(content) * 3 // 4 if is_base64 else len(content) // 3)
    data = _decode_base64(content) if is_base64 else unquote_to_bytes(content)
    check_file_size(len(data))
    media_type = kind.lower() if _MEDIA_TYPE.fullmatch(kind) else ("text/plain" if not kind else DEFAULT_MEDIA_TYPE)
    names = (part.partition("=") for part in parameters)
    name = next((unquote(value) for key, _, value in names if key.lower() in ("name", "filename")), "")
    return MediaFile(clean_file_name(name or DEFAULT_NAME + extension_of(media_type)), media_type, data)


def to_data_uri(file: MediaFile) -> str:
    """The file as a base64 data URI; its name is not in it."""
    return f"data:{file.media_type};base64,{base64.b64encode(file.data).decode()}"


def decode_text(data: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark, or else in Latin-1, which any bytes are."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def clean_file_name(name: str) -> str:
    """`name` as one path component that every file system takes: never empty, `.` or `..`, at most MAX_NAME_BYTES.

    Of a path only the last component counts. Characters with a meaning to file systems or terminals become `_`.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = "".join("_" if character in '<>:"|?*' or not character.isprintable() else character for character in last)
    plain = plain.strip().strip(".").strip()
    if not plain:
        return DEFAULT_NAME
    if _DEVICE.match(plain):
        plain = f"_{plain}"
    stem, dot, ending = plain.rpartition(".")
    ending = f".{ending}" if dot and stem and len(ending) <= 16 else ""
    stem = plain.removesuffix(ending) if ending else plain
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending


def extension_of(media_type: str) -> str:
    """With its dot; empty for types that have none."""
    return _TYPES.guess_extension(media_type) or ""


def quote_name(name: str) -> str:
    return quote_from_bytes(name.encode(), safe="")


def check_file_size(size: int) -> None:
    """Raises BlockError for more bytes than a file may have."""
    if size > FILE_LIMIT_BYTES:
        raise BlockError(f"The file has {size} bytes, which is over the limit of {FILE_LIMIT_BYTES} bytes.")


def shorten(source: str) -> str:
    """The beginning of a media value, for messages."""
    return source if len(source) <= _SHOWN else source[:_SHOWN] + "..."


def _decode_base64(content: str) -> bytes:
    """Takes what is common in the wild: line breaks, percent signs, the alphabet of URLs, missing padding."""
    plain = re.sub(r"\s+", "", unquote(content) if "%" in content else content)
    plain = plain.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BlockError("Not a data URI: its content is not valid base64.") from None

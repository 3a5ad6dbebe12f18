"""Temporal's codec protocol over JSON: what its Web UI sends to have payloads decoded."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from temporalio.api.common.v1 import Payloads
from temporalio.converter import PayloadCodec

from infra.crypto import DecryptionError
from models.errors import InvalidRequestError


class CodecServer:
    """Bodies are `{"payloads": [{"metadata": {...}, "data": base64}, ...]}`, the JSON form of `Payloads`."""

    def __init__(self, codec: PayloadCodec) -> None:
        self._codec = codec

    async def encode(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises InvalidRequestError."""
        return _to_json(await self._codec.encode(_read(body).payloads))

    async def decode(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises InvalidRequestError if a payload is malformed or was encrypted with a key we do not have."""
        try:
            return _to_json(await self._codec.decode(_read(body).payloads))
        except DecryptionError as error:
            raise InvalidRequestError("The payload cannot be decrypted with the keys of this installation.") from error


def _read(body: Mapping[str, Any]) -> Payloads:
    try:
        return json_format.ParseDict(dict(body), Payloads())
    except json_format.ParseError as error:
        raise InvalidRequestError("Not a list of Temporal payloads.") from error


def _to_json(payloads: Any) -> dict[str, Any]:
    return json_format.MessageToDict(Payloads(payloads=payloads))

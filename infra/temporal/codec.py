"""Encrypts every payload of a workflow with a key of its owner, so that no history holds plain user data."""

from collections.abc import Sequence
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from infra.crypto import KeyRing
from models.ids import owner_key_id_of

ENCODING: Final = b"binary/encrypted"
_OWNER: Final = "encryption-owner"
_SHARED_OWNER: Final = "shared"
"""Scope of payloads that belong to no workflow of ours."""


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Payloads of unknown encodings pass through, so that plain ones of an operator stay readable."""

    def __init__(self, keys: KeyRing, *, owner: str = _SHARED_OWNER) -> None:
        self._keys = keys
        self._owner = owner

    def with_context(self, context: SerializationContext) -> "EncryptionCodec":
        """The codec for one workflow: the owner is the last part of its id."""
        workflow_id = None
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            workflow_id = context.workflow_id
        owner = (owner_key_id_of(workflow_id) if workflow_id else None) or _SHARED_OWNER
        return self if owner == self._owner else EncryptionCodec(self._keys, owner=owner)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        scope = _scope(self._owner)
        owner = self._owner.encode()
        return [
            Payload(
                metadata={"encoding": ENCODING, _OWNER: owner},
                data=self._keys.encrypt(payload.SerializeToString(), scope=scope),
            )
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises DecryptionError if a key is missing."""
        return [self._decode(payload) for payload in payloads]

    def _decode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        owner = payload.metadata[_OWNER].decode()
        return Payload.FromString(self._keys.decrypt(payload.data, scope=_scope(owner)))


def _scope(owner: str) -> str:
    return f"payload:{owner}"

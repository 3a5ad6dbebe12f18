"""How values become Temporal payloads: pydantic JSON without unset fields, encrypted, failures too."""

import dataclasses

from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes

from infra.crypto import KeyRing
from infra.temporal.codec import EncryptionCodec


class WirePayloadConverter(PydanticPayloadConverter):
    """Leaves out fields that were never set: a history of thousands of events must stay small."""

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))


def data_converter(keys: KeyRing) -> DataConverter:
    """The converter of every client, worker and replayer."""
    return dataclasses.replace(
        DataConverter.default,
        payload_converter_class=WirePayloadConverter,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
        payload_codec=EncryptionCodec(keys),
    )

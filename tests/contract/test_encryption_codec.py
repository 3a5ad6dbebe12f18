"""The payload codec, and the data converter around it: what a Temporal history shows to those without the key."""

import asyncio

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError, FailureError

from infra.crypto import DecryptionError, KeyRing, new_key
from infra.temporal.codec import ENCODING, EncryptionCodec
from infra.temporal.converter import data_converter
from models.execution import ExecutionStatus
from models.ids import GraphExecId, OwnerKeyId, workflow_id
from models.values import Value
from models.wire import BlockFailure, BlockOutputItem

RUN = GraphExecId("0190b5c5-0000-7000-8000-000000000001")
ALICE, BOB = OwnerKeyId("alice00000000000"), OwnerKeyId("bob0000000000000")
SECRET = "what nobody may read"


def context(owner: OwnerKeyId) -> WorkflowSerializationContext:
    return WorkflowSerializationContext(namespace="default", workflow_id=workflow_id(RUN, owner))


def activity_context(id: str | None) -> ActivitySerializationContext:
    return ActivitySerializationContext(
        namespace="default",
        activity_id="1",
        activity_type="execute_block",
        activity_task_queue="q",
        workflow_id=id,
        workflow_type="ExecuteGraph",
        is_local=False,
    )


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing.parse(new_key())


@pytest.fixture
def codec(keys: KeyRing) -> EncryptionCodec:
    return EncryptionCodec(keys)


def payloads(count: int = 3) -> list[Payload]:
    return [Payload(metadata={"encoding": b"json/plain"}, data=f'"{SECRET} {n}"'.encode()) for n in range(count)]


async def test_round_trip_keeps_order_and_metadata(codec: EncryptionCodec) -> None:
    encoded = await codec.encode(payloads())
    assert [payload.metadata["encoding"] for payload in encoded] == [ENCODING] * 3
    assert not any(SECRET.encode() in payload.SerializeToString() for payload in encoded)
    assert await codec.decode(encoded) == payloads()


async def test_owner_of_the_workflow_is_in_the_metadata_and_chooses_the_key(codec: EncryptionCodec) -> None:
    [mine] = await codec.with_context(context(ALICE)).encode(payloads(1))
    assert mine.metadata["encryption-owner"] == ALICE.encode()
    mine.metadata["encryption-owner"] = BOB.encode()
    with pytest.raises(DecryptionError):
        await codec.decode([mine])


async def test_what_an_activity_encodes_its_workflow_and_any_operator_can_decode(codec: EncryptionCodec) -> None:
    activity = codec.with_context(activity_context(workflow_id(RUN, ALICE)))
    encoded = await activity.encode(payloads())
    for reader in (codec, codec.with_context(context(ALICE)), codec.with_context(context(BOB))):
        assert await reader.decode(encoded) == payloads()


@pytest.mark.parametrize("id", [None, "", "temporal-sys-scheduler", "plain."])
async def test_workflows_that_are_nobodys_share_a_key(codec: EncryptionCodec, id: str | None) -> None:
    encoded = await codec.with_context(activity_context(id)).encode(payloads(1))
    assert encoded[0].metadata["encryption-owner"] == b"shared"
    assert await codec.decode(encoded) == payloads(1)


async def test_context_leaves_the_codec_itself_alone(codec: EncryptionCodec) -> None:
    codec.with_context(context(ALICE))
    [encoded] = await codec.encode(payloads(1))
    assert encoded.metadata["encryption-owner"] == b"shared"


async def test_payloads_of_other_encodings_pass_through(codec: EncryptionCodec) -> None:
    plain = [*payloads(), Payload(metadata={"encoding": b"binary/null"}), Payload()]
    assert await codec.decode(plain) == plain
    mixed = [plain[0], *(await codec.encode(plain[1:2])), plain[2]]
    assert await codec.decode(mixed) == plain[:3]


async def test_wrong_key_says_which_one_is_missing(codec: EncryptionCodec) -> None:
    encoded = await codec.encode(payloads(1))
    with pytest.raises(DecryptionError, match="is not in ENCRYPTION_KEYS"):
        await EncryptionCodec(KeyRing.parse(new_key())).decode(encoded)


async def test_concurrent_use_for_many_owners(codec: EncryptionCodec) -> None:
    async def round_trip(number: int) -> None:
        mine = codec.with_context(context(OwnerKeyId(f"owner{number % 7}")))
        assert await mine.decode(await mine.encode(payloads())) == payloads()

    await asyncio.gather(*(round_trip(number) for number in range(200)))


# --- the data converter ------------------------------------------------------------------------------------------


async def test_fields_that_were_never_set_are_not_written(keys: KeyRing) -> None:
    converter = data_converter(keys)
    item = BlockOutputItem(pin="out", value=Value(inline=None))
    [encoded] = await converter.encode([item])
    [plain] = await EncryptionCodec(keys).decode([encoded])
    assert plain.data == b'{"pin":"out","value":{"inline":null}}'
    assert await converter.decode([encoded], [BlockOutputItem]) == [item]


async def test_failures_show_neither_message_nor_stack_nor_details(keys: KeyRing) -> None:
    converter = data_converter(keys)
    details = BlockFailure(message=SECRET, code="block_failed", outputs=())
    try:
        try:
            raise ValueError(f"the cause: {SECRET}")
        except ValueError as cause:
            raise ApplicationError(SECRET, details, type="block_failed") from cause
    except ApplicationError as error:
        failure = Failure()
        await converter.encode_failure(error, failure)
    written = failure.SerializeToString()
    assert SECRET.encode() not in written
    assert failure.application_failure_info.type == "block_failed"
    assert __file__.encode() not in written

    read = await converter.decode_failure(failure)
    assert isinstance(read, FailureError)
    assert isinstance(read, ApplicationError)
    assert read.message == SECRET
    assert BlockFailure.model_validate(read.details[0]) == details
    assert SECRET in str(read.cause)


async def test_enumerations_and_numbers_survive(keys: KeyRing) -> None:
    converter = data_converter(keys)
    value = Value(inline={"status": ExecutionStatus.COMPLETED, "n": 2**53 + 1, "f": 0.1, "t": "ä\ufffd"})
    [read] = await converter.decode(await converter.encode([value]), [Value])
    assert read.inline == {"status": "COMPLETED", "n": 2**53 + 1, "f": 0.1, "t": "ä\ufffd"}

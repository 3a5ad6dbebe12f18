"""The one Temporal client of a process."""

from temporalio.client import Client
from temporalio.service import RPCError

from infra.crypto import KeyRing
from infra.settings import Settings
from infra.temporal.converter import data_converter
from models.errors import ServiceUnavailableError


async def connect(settings: Settings) -> Client:
    """A client with our data converter.

    Raises:
        ServiceUnavailableError: Temporal does not answer at TEMPORAL_ADDRESS.
        ConfigurationError: ENCRYPTION_KEYS is missing or malformed.
    """
    temporal = settings.temporal
    keys = KeyRing.parse(settings.encryption.encryption_keys.get_secret_value())
    try:
        return await Client.connect(
            temporal.temporal_address,
            namespace=temporal.temporal_namespace,
            api_key=temporal.temporal_api_key.get_secret_value() if temporal.temporal_api_key else None,
            tls=temporal.temporal_tls,
            data_converter=data_converter(keys),
        )
    except (RPCError, RuntimeError) as error:
        raise ServiceUnavailableError(
            f"Temporal does not answer at {temporal.temporal_address!r}: check TEMPORAL_ADDRESS and that it runs."
        ) from error

"""The one Temporal client of a process."""

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from infra.crypto import KeyRing
from infra.settings import Settings, TemporalSettings
from infra.temporal.converter import data_converter
from models.errors import ServiceUnavailableError


async def connect(settings: Settings) -> Client:
    """A client with our data converter.

    Raises:
        ServiceUnavailableError: Temporal does not answer at TEMPORAL_ADDRESS.
        ConfigurationError: ENCRYPTION_KEYS is missing or malformed.
    """
    keys = KeyRing.parse(settings.encryption.encryption_keys.get_secret_value())
    return await open_client(settings.temporal, data_converter=data_converter(keys))


async def open_client(settings: TemporalSettings, *, data_converter: DataConverter = DataConverter.default) -> Client:
    """A client that without our converter can administer, but neither read nor start executions.

    Raises:
        ServiceUnavailableError: Temporal does not answer at TEMPORAL_ADDRESS.
    """
    try:
        return await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
            tls=settings.temporal_tls,
            data_converter=data_converter,
        )
    except (RPCError, RuntimeError) as error:
        raise ServiceUnavailableError(
            f"Temporal does not answer at {settings.temporal_address!r}: check TEMPORAL_ADDRESS and that it runs."
        ) from error

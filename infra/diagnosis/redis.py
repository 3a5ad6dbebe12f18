"""Redis: whether it answers and lets us write."""

import socket
from urllib.parse import urlsplit

from redis.exceptions import AuthenticationError, ConnectionError, RedisError, ResponseError, TimeoutError

from infra.diagnosis.finding import Finding, ok, problem
from infra.redis import connect
from infra.settings import RedisSettings
from models.errors import ConfigurationError

OLDEST = 6
"""Streams with consumer-independent reads and users with passwords."""

PROBE_SECONDS = 5


async def check_redis(settings: RedisSettings, *, is_ours: bool) -> Finding:
    """`is_ours`: the server is one that the stack here has started."""
    place = place_of(settings.redis_url.get_secret_value())
    try:
        client = connect(settings)
    except ConfigurationError:
        return problem("redis", "REDIS_URL cannot be used.", "See the check of the settings.")
    try:
        # Written and gone by itself: a replica or a full server refuses it.
        await client.set("perdure:doctor", "probe", ex=PROBE_SECONDS)
        info = await client.info("server")
    except (RedisError, OSError) as error:
        return explain(error, place, is_ours=is_ours)
    finally:
        await client.aclose()
    version = str(info.get("valkey_version") or info.get("redis_version") or "of an unknown version")
    name = "Valkey" if info.get("valkey_version") else "Redis"
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < OLDEST:
        return problem("redis", f"{name} {version} at {place} is too old.", f"Version {OLDEST} or later is needed.")
    return ok("redis", f"{name} {version} at {place}.")


def explain(error: Exception, place: str, *, is_ours: bool) -> Finding:
    logs = "See `perdure logs redis`." if is_ours else ""
    if isinstance(error, AuthenticationError) or _says(error, "NOAUTH", "WRONGPASS", "invalid username-password"):
        message = f"Redis at {place} refuses us: wrong password, or none given."
        return problem("redis", message, "Correct the password in REDIS_URL (special characters as %XX).")
    if isinstance(error, ResponseError):
        reason = str(error).partition(" ")[0][:40]
        return problem(
            "redis", f"Redis at {place} refuses to be written ({reason}).", logs or "Is it a replica, or full?"
        )
    if isinstance(error.__cause__ or error.__context__, socket.gaierror):
        return problem("redis", f"The host of REDIS_URL, {place}, is not known.", "Correct the host in REDIS_URL.")
    if isinstance(error, TimeoutError):
        return problem("redis", f"Redis at {place} does not answer in time.", logs or "Check the network in between.")
    if isinstance(error, ConnectionError | OSError):
        message = f"Nothing listens at {place}: Redis is not running there."
        return problem("redis", message, logs or "Start it, or correct host and port in REDIS_URL.")
    return problem("redis", f"Redis at {place} cannot be used ({type(error).__name__}).", logs or "Check REDIS_URL.")


def place_of(url: str) -> str:
    """Host and port of a URL, or the path of a socket; never its password."""
    try:
        parts = urlsplit(url)
        return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    except ValueError:
        return "(malformed address)"


def _says(error: Exception, *words: str) -> bool:
    return any(word in str(error) for word in words)

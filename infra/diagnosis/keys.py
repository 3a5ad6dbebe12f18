"""The keys of an installation: of encrypted data, and of bearer tokens."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Final

from infra.crypto import KeyRing
from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.diagnosis.situation import Situation
from infra.settings import AppSettings, Environment
from models.errors import ConfigurationError
from models.token_claims import MIN_HMAC_KEY_CHARACTERS

_MIN_DIFFERENT_BYTES: Final = 12
"""32 random bytes have about 30 different ones; fewer than 12 are not random."""

_PUBLISHED: Final = frozenset(
    {
        "your-super-secret-jwt-token-with-at-least-32-characters-long",
        "super-secret-jwt-token-with-at-least-32-characters-long",
    }
)
"""Keys of other projects' examples, with which anybody can make tokens."""

DataProbe = Callable[[], Awaitable[str | None]]
"""Where there is data that was encrypted; None if there is none."""


async def check_encryption_keys(situation: Situation, find_data: DataProbe) -> Finding:
    check, text = "encryption keys", situation.encryption_keys
    if not text.strip():
        data = await find_data()
        if data is not None:
            return problem(
                check,
                f"There is no ENCRYPTION_KEYS, but encrypted data: {data}.",
                f"Restore ENCRYPTION_KEYS (or {situation.home.secrets_file}) from a copy; nothing else can read it.",
            )
        if situation.is_deployment:
            return problem(
                check, "ENCRYPTION_KEYS is not set.", "Set it to what `perdure keygen` prints, and keep a copy."
            )
        return ok(check, "None yet; `perdure up` makes them.")
    try:
        KeyRing.parse(text)
    except ConfigurationError as error:
        return problem(check, error.message, "Write it as `perdure keygen` prints it.")
    if _is_guessable(text):
        return problem(
            check,
            "A key in ENCRYPTION_KEYS is not random.",
            "Put what `perdure keygen` prints before it, separated by a comma; new data is then safe.",
        )
    count = len(list(filter(str.strip, text.split(","))))
    return ok(check, f"{count} {'key' if count == 1 else 'keys'}, usable.")


def check_token_key(situation: Situation) -> Finding:
    check, key = "token key", situation.token_key.strip()
    app = situation.find(AppSettings)
    production = app is not None and app.environment is Environment.PRODUCTION
    if not key:
        if situation.is_deployment:
            hint = "Set it to the key that your identity provider signs tokens with."
            return problem(check, "JWT_VERIFY_KEY is not set: the gateway does not start.", hint)
        return ok(check, "None yet; `perdure up` makes one.")
    judge = problem if production else warning
    if key in _PUBLISHED:
        return judge(check, "JWT_VERIFY_KEY is a published example: anybody can make tokens.", "Use a key of your own.")
    if len(key) < MIN_HMAC_KEY_CHARACTERS:
        return judge(
            check,
            f"JWT_VERIFY_KEY has {len(key)} characters; in production at least {MIN_HMAC_KEY_CHARACTERS} are needed.",
            "Use a longer one: it can be guessed from any token.",
        )
    return ok(check, "JWT_VERIFY_KEY can be used.")


def _is_guessable(text: str) -> bool:
    try:
        keys = [base64.b64decode(part.partition(":")[2]) for part in text.split(",") if part.strip()]
    except binascii.Error:
        return False
    return any(len(set(key)) < _MIN_DIFFERENT_BYTES for key in keys)

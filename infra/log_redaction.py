"""Masks secrets in whatever is about to be logged, and drops what terminals would read as commands."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, WrappedLogger

MASK: Final = "***"

_SECRET_KEYS: Final = re.compile(
    r"(^|[_-])(pass(word|wd|phrase)?|secrets?|tokens?|api_?key|api-key|apikey|authorization|cookies?|credentials?"
    r"|private_key|verify_key|signing_key|encryption_keys?|session_id|csrf|jwt|dsn)$",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_TEXT: Final = (
    (re.compile(r"\bagpt_[A-Za-z0-9_-]{16,}"), f"agpt_{MASK}"),
    (
        # One attempt per run of such characters: one for each `eyJ` would take time with the square of its length.
        re.compile(
            r"(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{0,64}?\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\b(sk|pk|rk|ghp|gho|ghs|xox[abprs])([-_])[A-Za-z0-9_-]{16,}"), rf"\1\2{MASK}"),
    (re.compile(r"(://[^\s:/@]*):[^\s/@]+@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"(?i)([\"']?\b(?:[a-z0-9]+[_-])?(?:password|passwd|secret|token|api[_-]?key|authorization|cookie)"
            r"[\"']?\s*[=:]\s*)(?!\*\*\*)(\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
)
_SUSPICIOUS: Final = (
    *("agpt_", "eyj", "bearer", "basic", "://", "passw", "secret", "token", "key", "authoriz", "cookie", "-----begin"),
    *("sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "ghp_", "gho_", "ghs_", "ghp-", "gho-", "ghs-", "xox"),
)
"""Without any of these a text holds nothing that `_SECRET_TEXT` masks; most texts have none."""

MAX_TEXT: Final = 16_384
"""Characters of a text that are logged; of a longer one the middle is left out."""

_LONGEST_SECRET: Final = 4_096
"""Characters of a secret that is masked even where a long text is cut."""

_COLOR: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])")


def redact(value: object) -> object:
    """The value with secrets masked: by the names of keys, and by the shape of known secrets in text."""
    if isinstance(value, str):
        return _redact_text(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, SecretStr | SecretBytes):
        return MASK
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", errors="replace"))
    if isinstance(value, Mapping):
        return {key: MASK if is_secret_name(key) and item else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, BaseException):
        return redact(f"{type(value).__name__}: {value}")
    return value


def is_secret_name(key: object) -> bool:
    """Whether what goes by this name is a secret, whatever it looks like."""
    return isinstance(key, str) and _names_secret(key)


@lru_cache(maxsize=4_096)
def _names_secret(key: str) -> bool:
    return _SECRET_KEYS.search(_CAMEL.sub("_", key)) is not None


def _redact_text(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return _masked(text)
    kept = MAX_TEXT // 2
    # Around the cuts more is masked than kept: half a secret has no shape to know it by.
    first = _masked(text[: kept + _LONGEST_SECRET])[:-_LONGEST_SECRET]
    last = _masked(text[-kept - _LONGEST_SECRET :])[_LONGEST_SECRET:]
    return f"{first} [{len(text) - 2 * kept} characters left out] {last}"


def _masked(text: str) -> str:
    lowered = text.lower()
    if not any(part in lowered for part in _SUSPICIOUS):
        return text
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The same as a structlog processor."""
    return {key: MASK if is_secret_name(key) and value else redact(value) for key, value in event.items()}


def remove_color_codes(text: str) -> str:
    """The text without terminal control sequences."""
    return _COLOR.sub("", text) if "\x1b" in text else text


def strip_colors(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The same as a structlog processor, for what does not end in a terminal."""
    return {key: remove_color_codes(value) if isinstance(value, str) else value for key, value in event.items()}

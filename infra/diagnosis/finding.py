"""What a check has found."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Status(StrEnum):
    """`WARNING`: it works, but not as it should or not for long."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(BaseModel):
    """`message` says what is so, `hint` what to do about it. Neither holds secrets."""

    model_config = ConfigDict(frozen=True)

    check: str
    status: Status
    message: str
    hint: str = ""


def ok(check: str, message: str) -> Finding:
    return Finding(check=check, status=Status.OK, message=message)


def warning(check: str, message: str, hint: str) -> Finding:
    return Finding(check=check, status=Status.WARNING, message=message, hint=hint)


def problem(check: str, message: str, hint: str) -> Finding:
    return Finding(check=check, status=Status.PROBLEM, message=message, hint=hint)

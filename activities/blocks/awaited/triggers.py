"""Blocks that start runs when something calls."""

from typing import Any

from pydantic import BaseModel, Field

from activities.blocks._credentials import credentials_of
from activities.blocks.awaited._declaring import awaited, missing
from models.blocks import BlockCategory, BlockKind, pin

_WEBHOOKS = "addresses for webhooks"

GenericWebhookTriggerBlock = awaited(
    __name__,
    "GenericWebhookTriggerBlock",
    id="8fa8c167-2002-47ce-aba8-97572fc5d387",
    description="Starts a run when its address is called.",
    categories=(BlockCategory.INPUT,),
    kind=BlockKind.WEBHOOK_MANUAL,
    webhook_provider="generic_webhook",
    disabled=missing(_WEBHOOKS),
    inputs={
        "payload": (dict[str, Any], pin({}, hidden=True, description="Body of the call")),
        "constants": (dict[str, Any], pin({}, description="What the run gets besides")),
        "secret_token": (
            str | None,
            pin(None, advanced=False, secret=True, description="What the header X-Webhook-Secret has to say"),
        ),
    },
    outputs={
        "payload": (dict[str, Any], pin(description="Body of the call")),
        "constants": (dict[str, Any], pin(description="What the run gets besides")),
    },
)


class Transcription(BaseModel):
    date: str
    transcription: str
    transcriptions: list[Any]


class TranscriptionEvents(BaseModel):
    all: bool = Field(default=True, description="Every transcription")


CompassAITriggerBlock = awaited(
    __name__,
    "CompassAITriggerBlock",
    id="9464a020-ed1d-49e1-990f-7f2ac924a2b7",
    description="Starts a run when Compass has written down what was said.",
    categories=(BlockCategory.HARDWARE,),
    kind=BlockKind.WEBHOOK_MANUAL,
    webhook_provider="compass",
    disabled=missing(f"{_WEBHOOKS} and a store of credentials"),
    inputs={
        "payload": (Transcription, pin(hidden=True, description="Body of the call")),
        "events": (TranscriptionEvents, pin(description="What to wait for")),
        "credentials": (credentials_of("compass", kind="api_key"), pin(description="Compass API key")),
    },
    outputs={"transcription": (str, pin(description="What was said"))},
)

"""Decoding for the Temporal Web UI. The token in the path is the credential: the UI can send no other."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path

from models.errors import NotFoundError
from services.gateway.container import PayloadTranslator
from services.gateway.deps import GatewayContainer
from services.gateway.json_bodies import JsonRoute

router = APIRouter(prefix="/codec", tags=["codec"], route_class=JsonRoute, include_in_schema=False)


async def _translator(container: GatewayContainer, token: Annotated[str, Path(max_length=500)]) -> PayloadTranslator:
    expected = container.codec_token.get_secret_value() if container.codec_token else ""
    if not expected or container.codec is None or not secrets.compare_digest(token.encode(), expected.encode()):
        raise NotFoundError("Not Found")
    return container.codec


Translator = Annotated[PayloadTranslator, Depends(_translator)]
Payloads = Annotated[dict[str, Any], Body()]


@router.post("/{token}/decode")
async def decode(translator: Translator, body: Payloads) -> dict[str, Any]:
    return await translator.decode(body)


@router.post("/{token}/encode")
async def encode(translator: Translator, body: Payloads) -> dict[str, Any]:
    return await translator.encode(body)

"""Decoding for the Temporal Web UI. The token in the path is the credential: the UI can send no other."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request

from models.errors import NotFoundError
from services.gateway.container import Container, PayloadTranslator, container_of
from services.gateway.deps import GatewayContainer
from services.gateway.json_bodies import JsonRoute


def _find_translator(container: Container, token: str) -> PayloadTranslator | None:
    """None: the token is wrong, or nothing is decoded at all."""
    expected = container.codec_token.get_secret_value() if container.codec_token else ""
    given = token.encode(errors="replace")
    return container.codec if expected and secrets.compare_digest(given, expected.encode()) else None


class _CodecRoute(JsonRoute):
    async def may_send(self, request: Request) -> bool:
        return _find_translator(container_of(request), request.path_params["token"]) is not None


router = APIRouter(prefix="/codec", tags=["codec"], route_class=_CodecRoute, include_in_schema=False)


async def _translator(container: GatewayContainer, token: Annotated[str, Path(max_length=500)]) -> PayloadTranslator:
    translator = _find_translator(container, token)
    if translator is None:
        raise NotFoundError("Not Found")
    return translator


Translator = Annotated[PayloadTranslator, Depends(_translator)]
Payloads = Annotated[dict[str, Any], Body()]


@router.post("/{token}/decode")
async def decode(translator: Translator, body: Payloads) -> dict[str, Any]:
    return await translator.decode(body)


@router.post("/{token}/encode")
async def encode(translator: Translator, body: Payloads) -> dict[str, Any]:
    return await translator.encode(body)

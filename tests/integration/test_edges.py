"""What surrounds every request: request ids, origins, decoding for the Temporal Web UI, logs."""

from base64 import b64decode, b64encode
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload

from infra.crypto import KeyRing
from infra.temporal.codec import EncryptionCodec
from tests.gateway import Gateway, assert_refused
from tests.gateway_fixtures import CODEC_TOKEN, CONSOLE, TEMPORAL_UI

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


async def test_a_request_id_is_carried_through_or_made(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        made = [(await client.get("/health")).headers["X-Request-ID"] for _ in range(2)]
        assert len(set(made)) == 2
        given = await client.get("/api/user", headers={"X-Request-ID": "my-request.7"})
        assert given.headers["X-Request-ID"] == "my-request.7"
        for bad in ("a b", "x" * 65, "<script>", ""):
            answered = (await client.get("/health", headers={"X-Request-ID": bad})).headers["X-Request-ID"]
            assert answered != bad


async def test_only_listed_origins_may_call_the_api(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        allowed = await client.options("/api/graphs", headers={"Origin": CONSOLE, **PREFLIGHT})
        assert allowed.headers["access-control-allow-origin"] == CONSOLE
        refused = await client.get("/api/graphs", headers={"Origin": CONSOLE})
        assert_refused(refused, 401, "UNAUTHENTICATED")
        assert refused.headers["access-control-allow-origin"] == CONSOLE
        for origin in ("https://evil.example.com", f"{CONSOLE}.evil.example.com", "null", TEMPORAL_UI):
            preflight = await client.options("/api/graphs", headers={"Origin": origin, **PREFLIGHT})
            assert "access-control-allow-origin" not in preflight.headers
            answer = await client.get("/health", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers


async def test_the_web_ui_gets_payloads_decoded(gateway: Gateway) -> None:
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b'{"secret": "value"}')
    keys = KeyRing.parse(gateway.settings.encryption.encryption_keys.get_secret_value())
    (sealed,) = await EncryptionCodec(keys, owner="0123456789abcdef").encode([plain])
    body = {"payloads": [_json(sealed), _json(plain)]}
    async with gateway.anonymous(Origin=TEMPORAL_UI) as client:
        response = await client.post(f"/codec/{CODEC_TOKEN}/decode", json=body)
        assert response.json() == {"payloads": [_json(plain), _json(plain)]}
        assert response.headers["access-control-allow-origin"] == TEMPORAL_UI
        preflight = await client.options(
            f"/codec/{CODEC_TOKEN}/decode",
            headers={**PREFLIGHT, "Access-Control-Request-Headers": "content-type,x-namespace"},
        )
        assert preflight.status_code == 200
        encoded = (await client.post(f"/codec/{CODEC_TOKEN}/encode", json={"payloads": [_json(plain)]})).json()
        assert b64decode(encoded["payloads"][0]["metadata"]["encoding"]) == b"binary/encrypted"
        again = (await client.post(f"/codec/{CODEC_TOKEN}/decode", json=encoded)).json()
        assert again == {"payloads": [_json(plain)]}


async def test_payloads_are_decoded_for_nobody_else(gateway: Gateway) -> None:
    body: dict[str, Any] = {"payloads": []}
    async with gateway.anonymous() as client:
        for token in ("wrong", CODEC_TOKEN + "x", CODEC_TOKEN[:-1], "é"):
            assert_refused(await client.post(f"/codec/{token}/decode", json=body), 404, "NOT_FOUND")
        foreign = await client.post(f"/codec/{CODEC_TOKEN}/decode", json=body, headers={"Origin": CONSOLE})
        assert "access-control-allow-origin" not in foreign.headers
        for broken in ({"payloads": 7}, {"other": 1}):
            assert_refused(await client.post(f"/codec/{CODEC_TOKEN}/decode", json=broken), 400, "INVALID_REQUEST")
        tampered = {"encoding": b64encode(b"binary/encrypted").decode(), "encryption-owner": b64encode(b"x").decode()}
        sealed = {"payloads": [{"metadata": tampered, "data": b64encode(b"\x01\x01aXXXXXXXXXXXXXXXXXXX").decode()}]}
        assert_refused(await client.post(f"/codec/{CODEC_TOKEN}/decode", json=sealed), 400, "INVALID_REQUEST")


async def test_secrets_of_a_request_appear_in_no_log_line(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    canaries = ("canary-bearer-1", "agpt_canary-key-2", CODEC_TOKEN)
    async with gateway.anonymous() as client:
        await client.get("/api/user", headers={"Authorization": f"Bearer {canaries[0]}"})
        await client.get("/api/user", headers={"X-API-Key": canaries[1]})
        await client.post(f"/codec/{CODEC_TOKEN}/decode", json={"payloads": []})
    printed = "".join(capsys.readouterr())
    assert "request" in printed
    for canary in canaries:
        assert canary not in printed


def _json(payload: Payload) -> dict[str, Any]:
    metadata = {key: b64encode(value).decode() for key, value in payload.metadata.items()}
    return {"metadata": metadata, "data": b64encode(payload.data).decode()}

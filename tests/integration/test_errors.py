"""Whatever goes wrong, the answer has one form, and what nobody foresaw can be found in the log."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi import HTTPException as FastAPIHTTPException
from fastapi.exceptions import RequestValidationError
from httpx2 import ASGITransport, AsyncClient, ConnectError, HTTPStatusError, Request, Response

from models.errors import AppError, InsufficientCreditsError, RateLimitExceededError, Severity, UpstreamError
from services.gateway.app import create_app
from services.gateway.errors import MAX_FIELDS, error_response
from services.gateway.messages import CHINESE_BY_CODE
from tests.gateway import ORIGIN, Gateway, assert_refused
from tests.log_capture import captured_log

PRIVATE = "private-text-of-somebody"


def _upstream(status: int) -> HTTPStatusError:
    request = Request("GET", f"https://api.example.org/v1/{PRIVATE}?key={PRIVATE}")
    return HTTPStatusError(PRIVATE, request=request, response=Response(status, text=PRIVATE, request=request))


class CriticalError(AppError):
    code = "system_error"
    severity = Severity.CRITICAL


RAISED: dict[str, Exception] = {
    "bug": RuntimeError(PRIVATE),
    "upstream": _upstream(503),
    "unreachable": ConnectError(PRIVATE, request=Request("GET", f"https://api.example.org/{PRIVATE}")),
    "requestless": ConnectError(PRIVATE),
    "credits": InsufficientCreditsError(required=7, available=3),
    "limit": RateLimitExceededError(limit=60, remaining=0, reset=1_900_000_000, retry_after_seconds=17),
    "critical": CriticalError("the disk is full", user_message="Something is wrong with the server."),
    "teapot": FastAPIHTTPException(418, "I am a teapot"),
    "broken": FastAPIHTTPException(500, "It broke"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(gateway: Gateway) -> FastAPI:
    """The application, and routes that fail."""
    app = create_app(gateway.container)

    def add(path: str, error: Exception) -> None:
        async def fail() -> None:
            raise error

        app.get(path)(fail)

    for name, error in RAISED.items():
        add(f"/fail/{name}", error)
    return app


@pytest_asyncio.fixture(loop_scope="session")
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app=app), base_url=ORIGIN) as client:
        yield client


async def test_errors_of_the_framework_have_the_same_form(client: AsyncClient) -> None:
    assert assert_refused(await client.get("/no/such/path"), 404, "NOT_FOUND")["detail"] == "Not Found"
    wrong = await client.delete("/health")
    assert assert_refused(wrong, 405, "METHOD_NOT_ALLOWED")["error"]["category"] == "validation"
    assert wrong.headers["Allow"] == "GET"
    assert_refused(await client.get("/fail/teapot"), 418, "INVALID_REQUEST")
    assert_refused(await client.get("/fail/broken"), 500, "SYSTEM_ERROR")
    refused = assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")
    assert refused["error"]["category"] == "auth"


async def test_an_unknown_error_tells_nothing_but_where_to_find_it(client: AsyncClient) -> None:
    with captured_log() as log:
        response = await client.get("/fail/bug", headers={"X-Request-ID": "r-77"})
    body = assert_refused(response, 500, "SYSTEM_ERROR")
    assert (body["error"]["severity"], body["error"]["category"]) == ("high", "system")
    assert PRIVATE not in response.text
    assert "Traceback" not in response.text
    (line,) = log.events(reference_id=body["error"]["reference_id"])
    assert (line["level"], line["request_id"], line["code"]) == ("error", "r-77", "system_error")
    assert "RuntimeError" in line["exception"]


@pytest.mark.parametrize(
    ("name", "status", "host"),
    [
        ("upstream", 503, "api.example.org"),
        ("unreachable", None, "api.example.org"),
        ("requestless", None, "A service"),
    ],
)
async def test_a_failed_call_of_another_service_is_a_matter_of_the_network(
    client: AsyncClient, name: str, status: int | None, host: str
) -> None:
    with captured_log() as log:
        response = await client.get(f"/fail/{name}")
    error = assert_refused(response, 502, "UPSTREAM_FAILED")["error"]
    assert (error["category"], error["details"]) == ("network", {"host": host, "status": status})
    (line,) = log.events(reference_id=error["reference_id"])
    assert (line["level"], line["host"], line["category"]) == ("warning", host, "network")
    assert PRIVATE not in response.text + log.text


async def test_the_severity_decides_the_level_of_the_log(client: AsyncClient) -> None:
    with captured_log() as log:
        critical = (await client.get("/fail/critical")).json()["error"]
        low = (await client.get("/no/such/path")).json()["error"]
    assert critical["message"] == "Something is wrong with the server."
    (of_critical,) = log.events(reference_id=critical["reference_id"])
    (of_low,) = log.events(reference_id=low["reference_id"])
    assert (of_critical["level"], of_critical["severity"]) == ("error", "critical")
    assert (of_low["level"], of_low["severity"], of_low["status"]) == ("warning", "low", 404)


async def test_what_credits_and_limits_answer(client: AsyncClient) -> None:
    credits = assert_refused(await client.get("/fail/credits"), 402, "INSUFFICIENT_CREDITS")
    assert credits["detail"] == "Insufficient balance to execute the agent. Please top up your account."
    assert credits["error"]["details"] == {"required": 7, "available": 3}
    assert credits["error"]["category"] == "business"
    assert str(RAISED["credits"]) == "Insufficient credits: required 7, available 3"
    limited = await client.get("/fail/limit")
    assert assert_refused(limited, 429, "RATE_LIMIT_EXCEEDED")["detail"] == {
        "error": "Rate limit exceeded",
        "message": "Too many requests. Please try again later.",
        "limit": 60,
        "remaining": 0,
        "reset": 1_900_000_000,
    }
    assert limited.headers["Retry-After"] == "17"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/fail/credits", "余额不足，无法运行该代理，请充值。"),
        ("/fail/bug", "发生内部错误。"),
        ("/me", "缺少 Authorization 请求头"),
        ("/fail/upstream", "所依赖的外部服务出错，请稍后重试。"),
    ],
)
async def test_messages_come_in_chinese_to_who_prefers_it(client: AsyncClient, path: str, message: str) -> None:
    response = await client.get(path, headers={"Accept-Language": "zh-CN"})
    assert response.json()["error"]["message"] == message


def _below(kind: type[AppError]) -> set[type[AppError]]:
    return {kind}.union(*(_below(child) for child in kind.__subclasses__()))


def test_every_error_of_the_model_and_of_the_gateway_has_a_chinese_message() -> None:
    codes = {kind.code for kind in _below(AppError) if kind.__module__.startswith(("models.", "services.gateway."))}
    assert {UpstreamError.code, "unauthenticated"} <= codes
    assert codes - CHINESE_BY_CODE.keys() == set()


async def test_every_secured_route_documents_how_it_refuses(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    refusal = document["components"]["responses"]["HTTP401NotAuthenticatedError"]
    assert refusal["description"] == "Authentication required"
    schema = refusal["content"]["application/json"]["schema"]
    assert (schema["type"], schema["properties"]) == ("object", {"detail": {"type": "string"}})
    secured = [
        (path, method, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation.get("security")
    ]
    assert len(secured) > 50
    for path, method, operation in secured:
        assert operation["responses"]["401"] == {"$ref": "#/components/responses/HTTP401NotAuthenticatedError"}, (
            method,
            path,
        )
        assert ("x-required-permissions" in operation) != ("x-required-role" in operation), (method, path)


def test_an_answer_about_invalid_fields_does_not_repeat_the_request() -> None:
    error = {"type": "missing", "loc": ("body", "x" * 100_000, *range(1_000)), "msg": "y" * 100_000}
    answer = error_response(RequestValidationError([error] * 1_000))
    assert answer.status_code == 422
    assert len(json.loads(bytes(answer.body))["detail"]) == MAX_FIELDS
    assert len(answer.body) < 100_000

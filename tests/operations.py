"""The operations of the OpenAPI document, and how to call them without anything that is there."""

from dataclasses import dataclass
from typing import Any, Final

from httpx2 import AsyncClient, Response

from services.gateway.app import openapi_document
from services.gateway.rate_limit.rules import is_limited

PATH_VALUES = {"version": "1", "from_version": "1", "to_version": "1", "key": "user:nobody"}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    spec: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def url(self) -> str:
        names = [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
        return self.path.format(**{name: PATH_VALUES.get(name, "no-such-id") for name in names})

    @property
    def secured(self) -> bool:
        return bool(self.spec.get("security"))

    @property
    def permissions(self) -> set[str]:
        return set(self.spec.get("x-required-permissions", ()))

    @property
    def for_admins(self) -> bool:
        return self.spec.get("x-required-role") == "admin"

    @property
    def takes_body(self) -> bool:
        return "requestBody" in self.spec

    async def call(self, client: AsyncClient, **options: Any) -> Response:
        """Calls it; the answer has a code that is documented."""
        answer = await client.request(self.method, self.url, **options)
        assert str(answer.status_code) in self.spec["responses"], f"{self}: {answer.status_code} {answer.text[:300]}"
        return answer


DOCUMENT: Final = openapi_document()
OPERATIONS = [
    Operation(method, path, spec) for path, methods in DOCUMENT["paths"].items() for method, spec in methods.items()
]
SECURED = [operation for operation in OPERATIONS if operation.secured]
LIMITED = [operation for operation in OPERATIONS if is_limited(operation.path)]

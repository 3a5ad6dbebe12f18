"""The gateway: whether it answers, is ready, and is of our release."""

from collections.abc import Callable
from typing import Any, cast

import httpx2

from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.release import own_version

CHECK = "gateway"
ANSWER_SECONDS = 4.0

Judge = Callable[[str, str, str], Finding]


async def check_gateway(url: str, *, needed: bool, own: str | None = None) -> list[Finding]:
    """
    Args:
        needed: a gateway ought to run there already.
        own: our version, that of the installed package unless given.
    """
    async with httpx2.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) as client:
        try:
            ready = await client.get("/ready")
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            judge: Judge = problem if needed else warning
            message = f"No gateway answers at {url} ({type(error).__name__})."
            hint = "Start one: `perdure up`, or `perdure gateway`. `perdure logs gateway` shows why one has ended."
            return [judge(CHECK, message, hint)]
        checks = _json(ready).get("checks")
        if not isinstance(checks, dict):
            hint = "End it, or give the gateway another port (GATEWAY_PORT)."
            return [problem(CHECK, f"Something else than a gateway answers at {url}.", hint)]
        away = [name for name, state in cast("dict[str, str]", checks).items() if state != "ok"]
        findings = [
            problem(CHECK, f"The gateway at {url} gets no answer from {', '.join(away)}.", "See their checks.")
            if away
            else ok(CHECK, f"The gateway at {url} is ready.")
        ]
        try:
            about = _json(await client.get("/openapi.json")).get("info", {})
        except httpx2.TransportError:
            return findings
    found, own = str(about.get("version")), own or own_version()
    if own is not None and found != own:
        message = f"The gateway at {url} is of release {found}, this command of {own}."
        findings.append(
            problem("version", message, "Restart it with the release that is installed, or install its own.")
        )
    else:
        findings.append(ok("version", f"The gateway is of our release, {found}."))
    return findings


def _json(response: httpx2.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}

"""/api/auth/oidc: logging in at a provider elsewhere, with a browser"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse

from models.identity import secret_hash
from services.gateway.auth.browser_sessions import BrowserSessions
from services.gateway.auth.cookies import session_secret_of, set_session_cookies
from services.gateway.auth.dependencies import Origin
from services.gateway.deps import GatewayContainer
from services.gateway.features.oidc.cookie import clear_login_cookie, login_cookie_of, set_login_cookie
from services.gateway.features.oidc.service import Arrival, OidcLogins

router = APIRouter(prefix="/api/auth/oidc", tags=["identity"])

_TEXT: Final = r"^[^\x00]*$"
_FOUND: Final = 302


async def _logins(container: GatewayContainer) -> OidcLogins:
    return OidcLogins(container)


async def _arrival(
    state: Annotated[str, Query(min_length=1, max_length=200, description="As it was sent to the provider.")],
    code: Annotated[str | None, Query(max_length=4_096, pattern=_TEXT)] = None,
    iss: Annotated[str | None, Query(max_length=1_000, description="The provider, if it says so.")] = None,
    error: Annotated[str | None, Query(max_length=200, description="Why the provider let nobody in.")] = None,
) -> Arrival:
    return Arrival(state=state, code=code, issuer=iss, error=error)


Logins = Annotated[OidcLogins, Depends(_logins)]


@router.get(
    "/login",
    operation_id="begin_oidc_login",
    status_code=_FOUND,
    response_class=RedirectResponse,
    summary="Send a browser to the identity provider",
)
async def begin_login(
    container: GatewayContainer,
    logins: Logins,
    return_to: Annotated[
        str | None, Query(max_length=1_000, description="Path where the login ends: one of OIDC_RETURN_PATHS.")
    ] = None,
) -> RedirectResponse:
    departure = await logins.begin(return_to)
    response = RedirectResponse(departure.url, status_code=_FOUND)
    set_login_cookie(response, departure.browser, container.auth)
    return response


@router.get(
    "/callback",
    operation_id="complete_oidc_login",
    status_code=_FOUND,
    response_class=RedirectResponse,
    summary="Where the identity provider sends the browser back to: opens a session",
)
async def complete_login(
    request: Request,
    container: GatewayContainer,
    logins: Logins,
    arrival: Annotated[Arrival, Depends(_arrival)],
    origin: Origin,
) -> RedirectResponse:
    user, return_to = await logins.complete(arrival, login_cookie_of(request, container.auth), origin)
    before = session_secret_of(request)
    if before is not None:
        await container.sessions.forget(secret_hash(before))
    secret, _ = await BrowserSessions(container).begin(user, origin)
    response = RedirectResponse(return_to, status_code=_FOUND)
    set_session_cookies(response, secret, container.auth)
    clear_login_cookie(response, container.auth)
    return response

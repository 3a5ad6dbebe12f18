"""/api/auth/session and /api/auth/sessions: logins of browsers"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from models.audit import ActorKind, AuditAction
from models.errors import ForbiddenError, InvalidRequestError, NotFoundError, UnauthenticatedError
from models.identity import secret_hash
from models.sessions import Session
from models.users import User
from services.gateway.auth.browser_sessions import BrowserSessions
from services.gateway.auth.cookies import clear_session_cookies, session_secret_of, set_session_cookies
from services.gateway.auth.csrf import check_origin, csrf_token
from services.gateway.auth.dependencies import Origin, Person
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.identification import identify
from services.gateway.auth.sign_in import SignIn
from services.gateway.deps import GatewayContainer
from services.gateway.features.sessions.schemas import CurrentSessionOut, RevokedOut, SessionIn, SessionOut, session_out
from services.gateway.json_bodies import SmallJsonRoute

router = APIRouter(prefix="/api/auth", tags=["sessions"], route_class=SmallJsonRoute)

SessionIdPath = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


async def _session_of(person: Person) -> Session:
    if person.session is None:
        raise NotFoundError("This request was not made with a session.")
    return person.session


CurrentSession = Annotated[Session, Depends(_session_of)]


async def _who(request: Request, body: SessionIn | None, container: GatewayContainer, origin: Origin) -> User:
    if body is not None and (body.email is None) != (body.password is None):
        raise InvalidRequestError("Send both an address and a password, or neither and a bearer token.")
    if body is not None and body.email is not None and body.password is not None:
        return await SignIn(container).check_login(body.email, body.password.get_secret_value(), origin)
    missing = UnauthenticatedError("Send an address and a password, or a bearer token.")
    if not request.headers.get("Authorization"):
        raise missing
    principal = (await identify(request, container)).demand()
    if principal.session is not None:
        # Beside its cookie the header was no bearer token; a session must not outlive its end in another one.
        raise missing
    if not principal.is_person:
        raise ForbiddenError("An API key cannot do this. Log in instead.")
    await AuthEvents(container.units, container.clock).record(
        AuditAction.LOGGED_IN, origin, user_id=principal.user.id, session=True
    )
    return principal.user


@router.post(
    "/session",
    operation_id="create_session",
    summary="Log a browser in: sets its cookies and tells the CSRF token",
)
async def create_session(
    request: Request,
    response: Response,
    container: GatewayContainer,
    origin: Origin,
    body: SessionIn | None = None,
) -> CurrentSessionOut:
    check_origin(request, container.auth)
    user = await _who(request, body, container, origin)
    before = session_secret_of(request)
    if before is not None:
        await container.sessions.forget(secret_hash(before))
    secret, session = await BrowserSessions(container).begin(user, origin, label=body.label if body else None)
    set_session_cookies(response, secret, container.auth)
    return CurrentSessionOut(
        user_id=user.id, email=user.email, csrf_token=csrf_token(secret), session=session_out(session, current=True)
    )


@router.get("/session", operation_id="get_session", summary="Read the session of this browser, and its CSRF token")
async def get_session(
    request: Request, response: Response, person: Person, session: CurrentSession
) -> CurrentSessionOut:
    response.headers["Cache-Control"] = "no-store"
    return CurrentSessionOut(
        user_id=person.user.id,
        email=person.user.email,
        csrf_token=csrf_token(session_secret_of(request) or ""),
        session=session_out(session, current=True),
    )


@router.delete("/session", operation_id="delete_session", status_code=204, summary="Log this browser out")
async def delete_session(request: Request, response: Response, container: GatewayContainer, origin: Origin) -> None:
    identification = await identify(request, container)
    if isinstance(identification.failure, ForbiddenError):
        raise identification.failure
    principal = identification.principal
    if principal is not None and principal.session is not None:
        await container.sessions.revoke(principal.user.id, principal.session.id)
        await AuthEvents(container.units, container.clock).record(
            AuditAction.LOGGED_OUT, origin, user_id=principal.user.id, kind=ActorKind.SESSION
        )
    clear_session_cookies(response, container.auth)


@router.get("/sessions", operation_id="list_sessions", summary="List your sessions, newest first")
async def list_sessions(person: Person, container: GatewayContainer) -> list[SessionOut]:
    found = await container.sessions.list_of_user(person.user.id, now=container.clock.now())
    current = person.session.id if person.session else None
    return [session_out(session, current=session.id == current) for session in found]


@router.delete(
    "/sessions", operation_id="revoke_sessions", summary="End all your sessions but the one that asks, if it is one"
)
async def revoke_sessions(person: Person, container: GatewayContainer, origin: Origin) -> RevokedOut:
    but = person.session.id if person.session else None
    revoked = await container.sessions.revoke_all(person.user.id, but=but)
    await AuthEvents(container.units, container.clock).record(
        AuditAction.SESSION_REVOKED, origin, user_id=person.user.id, revoked=revoked
    )
    return RevokedOut(revoked=revoked)


@router.delete(
    "/sessions/{session_id}", operation_id="revoke_session", status_code=204, summary="End one of your sessions"
)
async def revoke_session(
    session_id: SessionIdPath, person: Person, container: GatewayContainer, origin: Origin
) -> None:
    if not await container.sessions.revoke(person.user.id, session_id):
        raise NotFoundError(f"Session {session_id!r} not found or access denied.")
    await AuthEvents(container.units, container.clock).record(
        AuditAction.SESSION_REVOKED, origin, user_id=person.user.id, session_id=session_id
    )

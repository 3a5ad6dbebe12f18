"""/api/auth: accounts with passwords"""

from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Response

from services.gateway.auth.browser_sessions import BrowserSessions
from services.gateway.auth.cookies import clear_session_cookies, set_session_cookies
from services.gateway.auth.dependencies import Origin, Person
from services.gateway.auth.sign_in import SignIn
from services.gateway.auth.token_issuer import TokenIssuer
from services.gateway.deps import GatewayContainer
from services.gateway.features.identity.first_admin import FirstAdministrator
from services.gateway.features.identity.schemas import (
    AcceptedOut,
    Address,
    AddressIn,
    EmailChangeIn,
    EmailOut,
    EmailProofIn,
    LoginIn,
    PasswordChangeIn,
    PasswordResetIn,
    RefreshIn,
    RegistrationIn,
    SetupIn,
    TokensOut,
    tokens_out,
)
from services.gateway.features.identity.service import IdentityService
from services.gateway.json_bodies import SmallJsonRoute

router = APIRouter(prefix="/api/auth", tags=["identity"], route_class=SmallJsonRoute)

_MAILED: Final = AcceptedOut(message="If there is something to do for this address, a mail is on its way.")


async def _identity(container: GatewayContainer) -> IdentityService:
    return IdentityService(container)


Identity = Annotated[IdentityService, Depends(_identity)]


async def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


@router.post(
    "/register", operation_id="register", status_code=202, summary="Make an account; the answer is the same for all"
)
async def register(body: RegistrationIn, identity: Identity, origin: Origin) -> AcceptedOut:
    await identity.register(email=body.email, password=body.password.get_secret_value(), name=body.name, origin=origin)
    return AcceptedOut(message="If the address had no account, it has one now. We have sent it a mail.")


@router.post(
    "/setup",
    operation_id="set_up",
    summary="Make the first administrator, once, with the code in the gateway's log",
    dependencies=[Depends(_no_store)],
)
async def set_up(body: SetupIn, container: GatewayContainer, origin: Origin) -> TokensOut:
    user = await FirstAdministrator(container).make(
        body.token.get_secret_value(),
        email=body.email,
        password=body.password.get_secret_value(),
        origin=origin,
    )
    async with container.units() as unit:
        return tokens_out(await TokenIssuer(container).begin(unit, user))


@router.post("/login", operation_id="login", summary="Get tokens for a password", dependencies=[Depends(_no_store)])
async def login(body: LoginIn, container: GatewayContainer, origin: Origin) -> TokensOut:
    user = await SignIn(container).check_login(body.email, body.password.get_secret_value(), origin)
    async with container.units() as unit:
        return tokens_out(await TokenIssuer(container).begin(unit, user))


@router.post(
    "/refresh",
    operation_id="refresh_tokens",
    summary="Get new tokens for a refresh token, once",
    dependencies=[Depends(_no_store)],
)
async def refresh(body: RefreshIn, container: GatewayContainer, origin: Origin) -> TokensOut:
    return tokens_out(await TokenIssuer(container).refresh(body.refresh_token.get_secret_value(), origin))


@router.post("/logout", operation_id="logout", status_code=204, summary="End a login by its refresh token")
async def logout(body: RefreshIn, container: GatewayContainer, origin: Origin) -> None:
    await TokenIssuer(container).end(body.refresh_token.get_secret_value(), origin)


@router.post(
    "/logout-everywhere",
    operation_id="logout_everywhere",
    status_code=204,
    summary="End every token and session of yours; API keys stay",
)
async def logout_everywhere(
    person: Person, identity: Identity, container: GatewayContainer, origin: Origin, response: Response
) -> None:
    await identity.log_out_everywhere(person.user, origin)
    if person.session is not None:
        clear_session_cookies(response, container.auth)


@router.post(
    "/password",
    operation_id="change_password",
    summary="Replace your password; everybody else is logged out",
    dependencies=[Depends(_no_store)],
)
async def change_password(
    body: PasswordChangeIn,
    person: Person,
    identity: Identity,
    container: GatewayContainer,
    origin: Origin,
    response: Response,
) -> TokensOut:
    user = await identity.change_password(
        person.user,
        current=body.current_password.get_secret_value(),
        new=body.new_password.get_secret_value(),
        origin=origin,
    )
    if person.session is not None:
        secret, _ = await BrowserSessions(container).begin(user, origin)
        set_session_cookies(response, secret, container.auth)
    async with container.units() as unit:
        return tokens_out(await TokenIssuer(container).begin(unit, user))


@router.post(
    "/password/reset-request",
    operation_id="request_password_reset",
    status_code=202,
    summary="Ask for a mail with which to choose a new password",
)
async def request_password_reset(body: AddressIn, identity: Identity, origin: Origin) -> AcceptedOut:
    await identity.request_reset(body.email, origin)
    return _MAILED


@router.post(
    "/password/reset", operation_id="reset_password", status_code=204, summary="Choose a new password with a mail"
)
async def reset_password(body: PasswordResetIn, identity: Identity, origin: Origin) -> None:
    await identity.reset_password(
        body.token.get_secret_value(), new=body.new_password.get_secret_value(), origin=origin
    )


@router.post(
    "/email/verification-request",
    operation_id="request_email_verification",
    status_code=202,
    summary="Ask once more for the mail that proves your address",
)
async def request_email_verification(body: AddressIn, identity: Identity, origin: Origin) -> AcceptedOut:
    await identity.request_verification(body.email, origin)
    return _MAILED


@router.post("/email/verify", operation_id="verify_email", status_code=204, summary="Prove an address with a mail")
async def verify_email(body: EmailProofIn, identity: Identity, origin: Origin) -> None:
    await identity.prove_email(body.token.get_secret_value(), origin)


@router.post("/user/email", operation_id="change_email", summary="Change your address")
async def change_email(
    body: Annotated[Address | EmailChangeIn, Body()], person: Person, identity: Identity, origin: Origin
) -> EmailOut:
    change = EmailChangeIn(email=body) if isinstance(body, str) else body
    password = change.current_password.get_secret_value() if change.current_password else None
    return EmailOut(
        email=await identity.change_email(person.user, email=change.email, password=password, origin=origin)
    )

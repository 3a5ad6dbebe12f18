"""Settings that a gateway does not start with."""

from typing import Any

import pytest
from pydantic import SecretStr

from infra.settings import AppSettings, AuthSettings, Environment, IdentitySettings, Settings
from services.gateway.auth.settings import AuthConfigError, AuthOptions, OidcOptions, verify_settings
from services.gateway.auth_parts import auth_options
from tests.signing_keys import a_key

SECRET = "a-secret-of-more-than-thirty-two-characters"
RSA, EC = a_key("RS256"), a_key("ES256")


def options(**changes: Any) -> AuthOptions:
    for name in ("verify_key", "signing_key"):
        if name in changes:
            changes[name] = SecretStr(changes[name])
    return AuthOptions(**{"verify_key": SecretStr(SECRET), **changes})


def oidc(**changes: Any) -> OidcOptions:
    values = {
        "issuer": "https://id.example.com",
        "client_id": "perdure",
        "redirect_uri": "https://gateway.example.com/api/auth/oidc/callback",
    }
    return OidcOptions(**{**values, **changes})


@pytest.mark.parametrize(
    "accepted",
    [
        options(),
        options(verify_key="short"),
        options(production=True),
        options(algorithm="RS512", verify_key=RSA.public_pem, signing_key=RSA.private_pem),
        options(algorithm="ES256", verify_key=EC.public_pem, built_in=False),
        options(verify_key="", jwks_url="https://id.example.com/keys", built_in=False),
        options(enabled=False, verify_key=""),
        options(oidc=oidc(return_paths=("/", "/graphs/new")), production=True),
        options(oidc=oidc(issuer="http://127.0.0.1:9000"), production=True),
    ],
    ids=range(9),
)
def test_good_settings_pass(accepted: AuthOptions) -> None:
    assert verify_settings(accepted) is accepted


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        (options(oidc=oidc(scopes=("email",))), "OIDC_SCOPES"),
        (options(oidc=oidc(issuer="id.example.com")), "OIDC_ISSUER"),
        (options(oidc=oidc(issuer="http://id.example.com"), production=True), "OIDC_ISSUER"),
        (options(oidc=oidc(redirect_uri="http://gateway.example.com/x"), production=True), "CONSOLE_URL"),
        (options(oidc=oidc(return_paths=())), "OIDC_RETURN_PATHS"),
        (options(oidc=oidc(return_paths=("//evil.example.com",))), "OIDC_RETURN_PATHS"),
        (options(oidc=oidc(return_paths=("/", "https://evil.example.com"))), "OIDC_RETURN_PATHS"),
        (options(oidc=oidc(return_paths=("/\\evil.example.com",))), "OIDC_RETURN_PATHS"),
        (options(verify_key=""), "JWT_VERIFY_KEY is empty"),
        (options(verify_key="   "), "JWT_VERIFY_KEY is empty"),
        (options(verify_key="x" * 31, production=True), "31 characters"),
        (options(production=True, cookie_secure=False), "AUTH_COOKIE_SECURE"),
        (options(production=True, enabled=False), "ENABLE_AUTH"),
        (options(verify_key=RSA.public_pem), "public key"),
        (options(verify_key="ssh-rsa AAAA"), "public key"),
        (options(algorithm="none"), "JWT_ALGORITHM"),
        (options(algorithm="RS256"), "both its markers"),
        (options(algorithm="RS256", verify_key=RSA.public_pem.split("-----END")[0]), "both its markers"),
        (options(algorithm="RS256", verify_key=RSA.public_pem.split("-----\n")[1]), "both its markers"),
        (options(algorithm="RS256", verify_key=EC.public_pem), "no RSA key"),
        (options(algorithm="ES256", verify_key=RSA.public_pem), "curve"),
        (options(algorithm="ES384", verify_key=EC.public_pem), "curve"),
        (options(algorithm="RS256", verify_key=RSA.public_pem), "JWT_SIGNING_KEY"),
        (
            options(algorithm="RS256", verify_key=RSA.public_pem, signing_key=a_key("RS256", "another").private_pem),
            "no pair",
        ),
        (options(jwks_url="id.example.com/keys"), "https://"),
        (options(jwks_url="ftp://id.example.com/keys"), "https://"),
        (options(jwks_url="http://id.example.com/keys", production=True), "in production"),
        (options(console_url="console"), "CONSOLE_URL"),
    ],
    ids=range(28),
)
def test_bad_settings_say_what_to_change(refused: AuthOptions, named: str) -> None:
    with pytest.raises(AuthConfigError, match=named) as caught:
        verify_settings(refused)
    assert refused.verify_key.get_secret_value().strip() not in str(caught.value) or not (
        refused.verify_key.get_secret_value().strip()
    )


def read(**auth: Any) -> AuthOptions:
    return auth_options(Settings(auth=AuthSettings.model_validate({"jwt_verify_key": SECRET, **auth})))


def test_supabase_names_issuer_and_keys() -> None:
    found = read(supabase_url="https://abc.supabase.co/", supabase_anon_key="anon")
    assert found.issuer == "https://abc.supabase.co/auth/v1"
    assert found.jwks_url == "https://abc.supabase.co/auth/v1/.well-known/jwks.json"
    assert not found.built_in
    for half in ({"supabase_url": "https://abc.supabase.co"}, {"supabase_anon_key": "anon"}):
        with pytest.raises(AuthConfigError, match="both or neither"):
            read(**half)
    with pytest.raises(AuthConfigError, match="https://"):
        read(supabase_url="abc.supabase.co", supabase_anon_key="anon")


def test_accounts_are_kept_where_tokens_can_be_made() -> None:
    assert read().built_in
    assert not read(jwt_algorithm="RS256", jwt_verify_key=RSA.public_pem).built_in
    assert read(jwt_algorithm="RS256", jwt_verify_key=RSA.public_pem, jwt_signing_key=RSA.private_pem).built_in


def test_registration_is_open_in_development_only_unless_set() -> None:
    auth = AuthSettings(jwt_verify_key=SecretStr(SECRET))
    production = AppSettings(environment=Environment.PRODUCTION)
    assert auth_options(Settings(auth=auth)).registration_open
    assert not auth_options(Settings(auth=auth, app=production)).registration_open
    opened = IdentitySettings(auth_registration="open")
    assert auth_options(Settings(auth=auth, app=production, identity=opened)).registration_open


@pytest.mark.parametrize("seconds", [299, 86_401])
def test_sessions_live_between_five_minutes_and_a_day(seconds: int) -> None:
    with pytest.raises(ValueError, match="auth_session_timeout"):
        IdentitySettings(auth_session_timeout=seconds)


def test_the_older_name_of_the_key_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    assert AuthSettings().jwt_verify_key.get_secret_value() == SECRET

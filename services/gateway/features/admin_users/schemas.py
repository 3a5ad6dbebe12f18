"""Users as administrators see them."""

from datetime import datetime

from pydantic import BaseModel

from models.users import User, UserStatus


class AdminUserOut(BaseModel):
    """`local`: the account is kept here, rather than by another identity provider."""

    id: str
    email: str
    name: str | None
    role: str
    status: UserStatus
    local: bool
    email_verified: bool
    timezone: str
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None


def admin_user_out(user: User) -> AdminUserOut:
    return AdminUserOut(
        **user.model_dump(
            include={"id", "email", "name", "role", "status", "local", "timezone", "created_at", "updated_at"}
        ),
        email_verified=user.email_verified_at is not None,
        last_login=user.last_login_at,
    )

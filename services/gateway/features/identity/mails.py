"""What people get by mail."""

from models.identity import Mail


def verification_mail(to: str, *, console_url: str, token: str) -> Mail:
    return Mail(
        to=to,
        subject="Confirm your e-mail address",
        text=f"Open this link within a day to confirm that this address is yours:\n\n"
        f"{console_url}/verify-email?token={token}\n\nIf you did not ask for it, do nothing.\n",
    )


def reset_mail(to: str, *, console_url: str, token: str) -> Mail:
    return Mail(
        to=to,
        subject="Choose a new password",
        text=f"Open this link within an hour to choose a new password:\n\n"
        f"{console_url}/reset-password?token={token}\n\nIf you did not ask for it, do nothing: your password stays.\n",
    )


def known_address_mail(to: str, *, console_url: str) -> Mail:
    return Mail(
        to=to,
        subject="You have an account already",
        text=f"Somebody tried to register an account with this address, which has one already. If it was you, log in "
        f"at {console_url}/login, or choose a new password at {console_url}/forgot-password.\n",
    )


def password_changed_mail(to: str, *, console_url: str) -> Mail:
    return Mail(
        to=to,
        subject="Your password was changed",
        text=f"The password of your account was changed, and everybody was logged out. If it was not you, choose a "
        f"new one at once: {console_url}/forgot-password\n",
    )


def address_changing_mail(to: str, *, new_address: str) -> Mail:
    return Mail(
        to=to,
        subject="The e-mail address of your account is about to change",
        text=f"Somebody who knows your password asked to change the address of your account to {new_address}. If it "
        f"was not you, change your password.\n",
    )

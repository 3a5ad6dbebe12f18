"""The account a program runs as when we are root and the program refuses to be."""

import os
import pwd
import stat
from pathlib import Path

# Exists on every system; no account has to be created, and it owns nothing else of worth.
_ACCOUNT = "nobody"


def unprivileged_account(owned: Path) -> str | None:
    """The account to run as: the owner of `owned` if that exists and is not root; None if we are not root."""
    if os.geteuid() != 0:
        return None
    if owned.exists() and owned.stat().st_uid != 0:
        try:
            return pwd.getpwuid(owned.stat().st_uid).pw_name
        except KeyError:
            return _ACCOUNT
    return _ACCOUNT


def give_to(account: str, path: Path) -> None:
    """Makes the account the owner of the path and of all below it."""
    entry = pwd.getpwnam(account)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    if path.is_dir():
        for child in path.rglob("*"):
            os.chown(child, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def is_reachable(account: str, path: Path) -> bool:
    """Whether the account may enter every folder above `path`, and use `path` itself."""
    uid = pwd.getpwnam(account).pw_uid
    path = path.resolve()
    for part in (path, *path.parents):
        status = part.stat()
        needed = stat.S_IXOTH if part.is_dir() and part != path else stat.S_IROTH | stat.S_IXOTH
        if status.st_uid != uid and status.st_mode & needed != needed:
            return False
    return True

"""`perdure auth` and accounts with passwords, against the running stack."""

import asyncio
import json
import stat
import subprocess
from pathlib import Path

import pytest

from infra.migrate import upgrade_database
from perdure_client import AsyncPerdureClient, Conflict, Forbidden, Unauthorized
from tests.accounts import PASSWORD, new_address
from tests.databases import fresh_database
from tests.e2e.stack_folder import StackFolder

OTHER_PASSWORD = "another staple, quite correct"


async def perdure(stack: StackFolder, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(stack.perdure, *arguments, stdin=stdin)


async def account(stack: StackFolder, *arguments: str) -> str:
    """The address of a new account."""
    address = new_address()
    ended = await perdure(
        stack, "users", "create", "--email", address, "--password-stdin", *arguments, stdin=f"{PASSWORD}\n"
    )
    assert ended.returncode == 0, ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr
    return address


async def test_whoever_logs_in_needs_no_key_any_more(running_stack: StackFolder, tmp_path: Path) -> None:
    url = running_stack.running().gateway_url
    address = await account(running_stack)
    elsewhere = StackFolder(tmp_path)
    refused = await perdure(
        elsewhere, "auth", "login", "--url", url, "--email", address, "--password-stdin", stdin="a wrong one\n"
    )
    assert (refused.returncode, "Invalid e-mail address or password" in refused.stderr) == (1, True)
    ended = await perdure(
        elsewhere, "auth", "login", "--url", url, "--email", address, "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    assert ended.returncode == 0, ended.stderr
    assert "agpt_" not in ended.stdout
    (kept,) = (tmp_path / "config").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert PASSWORD not in kept.read_text()
    status = json.loads((await perdure(elsewhere, "auth", "status", "--json")).stdout)
    assert status == [{"url": url, "email": address}]
    listed = json.loads((await perdure(elsewhere, "keys", "list", "--json")).stdout)
    (key,) = listed
    assert key["name"].startswith("perdure at ")
    assert (await perdure(elsewhere, "graphs", "list", "--url", url)).returncode == 0
    assert (await perdure(elsewhere, "auth", "logout")).returncode == 0
    assert (await perdure(elsewhere, "auth", "logout", "--url", url)).returncode != 0
    left = await perdure(elsewhere, "keys", "list")
    assert "perdure auth login" in left.stderr
    stale = StackFolder(tmp_path)
    raw = json.loads(kept.read_text())
    assert raw["by_url"] == {}
    assert (await perdure(stale, "auth", "status")).stdout.strip() == "You are not logged in anywhere."


async def test_a_password_can_be_replaced_by_whoever_runs_the_installation(running_stack: StackFolder) -> None:
    address = await account(running_stack)
    ended = await perdure(
        running_stack, "users", "set-password", address, "--password-stdin", stdin=f"{OTHER_PASSWORD}\n"
    )
    assert ended.returncode == 0, ended.stderr
    async with AsyncPerdureClient(running_stack.running().gateway_url, None) as client:
        with pytest.raises(Unauthorized):
            await client.account.login(address, PASSWORD)
        assert (await client.account.login(address, OTHER_PASSWORD)).user.email == address
    unknown = await perdure(
        running_stack, "users", "set-password", new_address(), "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    assert (unknown.returncode, "no account" in unknown.stderr) == (1, True)
    weak = await perdure(running_stack, "users", "set-password", address, "--password-stdin", stdin="short\n")
    assert (weak.returncode, "8 to 256" in weak.stderr) == (1, True)


async def test_the_client_handles_logins_and_users(running_stack: StackFolder) -> None:
    url = running_stack.running().gateway_url
    admin_address, address = await account(running_stack, "--admin"), await account(running_stack)
    async with AsyncPerdureClient(url, None) as anonymous:
        with pytest.raises(Unauthorized):
            await anonymous.graphs.list()
        first = await anonymous.account.login(address, PASSWORD)
        tokens = await anonymous.account.refresh(first.refresh_token)
        admin_tokens = await anonymous.account.login(admin_address, PASSWORD)
    async with (
        AsyncPerdureClient(url, tokens.access_token) as client,
        AsyncPerdureClient(url, admin_tokens.access_token) as admin,
    ):
        assert len(await client.account.sessions()) == await client.account.revoke_sessions() == 0
        with pytest.raises(Forbidden):
            await client.users.list()
        (found,) = (await admin.users.list(search=address)).items
        assert await admin.users.get(found.id) == found
        with pytest.raises(Conflict):
            await admin.users.suspend(admin_tokens.user.id)
        assert (await admin.users.suspend(found.id)).status == "SUSPENDED"
        with pytest.raises(Forbidden):
            await client.user()
        assert (await admin.users.unsuspend(found.id)).status == "ACTIVE"
        changed = await client.account.change_password(PASSWORD, OTHER_PASSWORD)
        with pytest.raises(Unauthorized):
            await client.user()
        async with AsyncPerdureClient(url, changed.access_token) as renewed:
            await renewed.account.logout(changed.refresh_token)
            await renewed.account.logout_everywhere()
            with pytest.raises(Unauthorized):
                await renewed.user()
        await admin.users.erase(found.id)
        assert (await admin.users.list(search=address)).items == ()


async def test_of_many_accounts_with_one_address_at_once_one_is_made(tmp_path: Path, database_url: str) -> None:
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        stack = StackFolder(tmp_path, DATABASE_URL=url, JWT_VERIFY_KEY="a-key-of-more-than-thirty-two-characters")
        address = new_address()
        calls = [
            perdure(stack, "users", "create", "--email", spelling)
            for spelling in (address, address.upper(), address.title(), address)
        ]
        ended = await asyncio.gather(*calls)
    assert sorted(process.returncode for process in ended) == [0, 1, 1, 1]
    assert all("already" in process.stderr for process in ended if process.returncode)

"""`perdure audit` as a user types it."""

from tests.e2e.cli_calls import perdure, perdure_json
from tests.e2e.stack_folder import StackFolder


async def test_what_was_done_is_listed_and_narrowed(running_stack: StackFolder) -> None:
    await perdure(running_stack, "keys", "create", "For the audit log", "-p", "READ_GRAPH")
    found = await perdure_json(running_stack, "audit", "list", "--action", "api_key.created")
    newest = found[0]
    assert (newest["object_kind"], newest["actor_kind"]) == ("api_key", "api_key")
    assert newest["details"]["permissions"] == ["READ_GRAPH"]
    assert found == await perdure_json(
        running_stack, "audit", "list", "--action", "api_key.created", "--object", "api_key"
    )
    only = f"api_key:{newest['object_id']}"
    assert await perdure_json(running_stack, "audit", "list", "--object", only) == [newest]
    listed = (await perdure(running_stack, "audit", "list", "--object", only)).stdout
    assert "api_key.created" in listed
    assert "Nothing was done" in (await perdure(running_stack, "audit", "list", "--since", "2999-01-01")).stdout


async def test_what_cannot_be_listed_says_why(running_stack: StackFolder) -> None:
    wrong = await perdure(running_stack, "audit", "list", "--until", "yesterday")
    assert (wrong.returncode, "yesterday" in wrong.stderr) == (1, True)
    key_only = await perdure(running_stack, "audit", "list", "--all")
    assert (key_only.returncode, "Admin access required" in key_only.stderr) == (1, True)
    token = running_stack.running().dev_token
    options = ("--url", running_stack.running().gateway_url, "--api-key", token)
    everything = await perdure(running_stack, "audit", "list", "--all", *options)
    assert (everything.returncode, "api_key" in everything.stdout) == (0, True)

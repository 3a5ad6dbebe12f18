"""Whose execution an activity works for."""

from temporalio import activity

from models.ids import OwnerKeyId, owner_key_id_of


def owner_key_id() -> OwnerKeyId:
    """Of the owner of the execution that the running activity belongs to."""
    found = owner_key_id_of(activity.info().workflow_id or "")
    assert found is not None, "every execution's workflow id ends in its owner's key id"
    return found

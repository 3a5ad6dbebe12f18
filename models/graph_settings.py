"""How the runs of a graph behave unless a request says otherwise."""

from pydantic import BaseModel, ConfigDict


class GraphSettings(BaseModel):
    """Of all versions of a graph; see `RunOptions` for what they do."""

    model_config = ConfigDict(frozen=True)

    human_in_the_loop_safe_mode: bool = True
    sensitive_action_safe_mode: bool = False
    hold_on_failure: bool = False


class GraphSettingsChange(BaseModel):
    """What is None stays."""

    model_config = ConfigDict(frozen=True)

    human_in_the_loop_safe_mode: bool | None = None
    sensitive_action_safe_mode: bool | None = None
    hold_on_failure: bool | None = None

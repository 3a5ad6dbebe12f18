"""How the runs of a graph behave unless a request says otherwise."""

from sqlalchemy import Column, ForeignKey, Text
from sqlmodel import Field, SQLModel


class GraphSettingsRow(SQLModel, table=True):
    """Of all versions of a graph; a graph without a row has the defaults."""

    __tablename__ = "graph_settings"  # pyright: ignore[reportAssignmentType]

    user_id: str = Field(sa_column=Column(Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True))
    graph_id: str = Field(primary_key=True, sa_type=Text)
    human_in_the_loop_safe_mode: bool = True
    sensitive_action_safe_mode: bool = False
    hold_on_failure: bool = False

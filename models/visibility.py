"""What can be searched for in Temporal. These attributes are not encrypted: ids and enumerations only."""

from enum import StrEnum


class SearchAttribute(StrEnum):
    """Names of our search attributes; GRAPH_VERSION is a number, the others are keywords."""

    GRAPH_ID = "GraphId"
    GRAPH_VERSION = "GraphVersion"
    USER_ID = "UserId"
    TRIGGER = "Trigger"
    STATUS = "GraphExecutionStatus"
    PARENT_EXECUTION = "ParentExecution"

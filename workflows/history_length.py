"""How long a run's history may grow before the run goes on in a new one."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import options

CARRY_LARGE_STATES = "carry-large-states"
"""Patch: a large state goes to the blob store, and a large history makes the run wait for a quiet moment."""


class HistoryLength:
    """Counts what the server limits in one run of the workflow.

    Attributes:
        updates: updates that this run has carried out.
        signals: signals that it has got.
    """

    def __init__(self) -> None:
        self.updates = 0
        self.signals = 0
        self._carry_from = 0
        self._loaded_bytes = 0

    def is_long(self) -> bool:
        """The run is to continue as new at the next quiet moment."""
        if self._has_many_messages():
            return True
        info = workflow.info()
        length = info.get_current_history_length()
        is_long = info.is_continue_as_new_suggested() or length >= options.FORCE_CONTINUE_AS_NEW_EVENTS
        return (is_long or self._is_large()) and length >= self._carry_from

    def is_too_long(self) -> bool:
        """Nothing is to be dispatched before that moment has come."""
        if self._has_many_messages():
            return True
        length = workflow.info().get_current_history_length()
        if length < self._carry_from:
            return False
        return length >= options.FORCE_CONTINUE_AS_NEW_EVENTS or self._is_large()

    def allow(self, events: int) -> None:
        """A history of fewer events is not long."""
        self._carry_from = max(self._carry_from, events)

    def allow_for_loading(self) -> None:
        """What loading a large state has written must not alone make the run carry it again."""
        info = workflow.info()
        self.allow(info.get_current_history_length() + options.EVENTS_BETWEEN_LOADS)
        self._loaded_bytes = info.get_current_history_size()

    def _has_many_messages(self) -> bool:
        return self.updates >= options.MAX_UPDATES or self.signals >= options.MAX_SIGNALS

    def _is_large(self) -> bool:
        grown = workflow.info().get_current_history_size() - self._loaded_bytes
        return grown >= options.FORCE_CONTINUE_AS_NEW_BYTES and workflow.patched(CARRY_LARGE_STATES)

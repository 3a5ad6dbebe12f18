"""How many requests may wait for events at a time."""

from contextlib import ExitStack

import pytest

from models.errors import TooManyRequestsError
from models.ids import UserId
from services.gateway.waiting_polls import WaitingPolls

ANNA, BEN, CARL = UserId("anna"), UserId("ben"), UserId("carl")


def test_one_user_takes_no_more_than_a_share() -> None:
    polls = WaitingPolls(of_user=2, of_process=3)
    with ExitStack() as waiting:
        waiting.enter_context(polls.one_of(ANNA))
        with polls.one_of(ANNA), pytest.raises(TooManyRequestsError), polls.one_of(ANNA):
            pass
        waiting.enter_context(polls.one_of(ANNA))
        waiting.enter_context(polls.one_of(BEN))
        with pytest.raises(TooManyRequestsError), polls.one_of(CARL):
            pass
    with polls.one_of(CARL), polls.one_of(CARL), polls.one_of(ANNA):
        pass

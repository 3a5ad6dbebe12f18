"""What attempts are counted by."""

import pytest

from services.gateway.auth.attempts import forgiven_after_login, login_budgets, mail_budgets, setup_budget

EMAIL = "ada@example.com"


def keys_from(address: str) -> set[str]:
    budgets = (
        *login_budgets(EMAIL, address),
        forgiven_after_login(EMAIL, address),
        *mail_budgets(EMAIL, address),
        setup_budget(address),
    )
    return {budget.key for budget in budgets}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_the_addresses_that_one_customer_has_are_one_place(one: str, other: str, same: bool) -> None:
    assert (keys_from(one) == keys_from(other)) is same
    assert len(keys_from(one) & keys_from(other)) == (5 if same else 2)

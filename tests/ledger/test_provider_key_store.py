from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import InvalidInput
from app.core.provider_keys import KeyName, ProviderKey, Trial, choice_among
from app.ledger.engine import Ledger
from app.ledger.provider_key_store import (
    forget_provider_key,
    list_provider_keys,
    note_provider_key,
    note_trial,
    note_use,
    set_default_key,
    set_project_key,
    unset_project_key,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OWN, TEAM, OTHER = KeyName("openai"), KeyName("openai", "team"), KeyName("anthropic")


@pytest.fixture
def three(ledger: Ledger) -> Ledger:
    for number, name in enumerate((OWN, TEAM, OTHER)):
        note_provider_key(ledger, name, NOW + timedelta(minutes=number))
    return ledger


def kept(ledger: Ledger, name: KeyName) -> ProviderKey:
    return next(key for key in list_provider_keys(ledger) if key.name == name)


def test_the_first_key_of_a_provider_is_its_default_until_another_is_chosen(three: Ledger) -> None:
    assert [(key.name, key.is_default) for key in list_provider_keys(three)] == [
        (OTHER, True), (OWN, True), (TEAM, False),
    ]  # fmt: skip
    set_default_key(three, TEAM)
    assert [(key.name, key.is_default) for key in list_provider_keys(three)] == [
        (OTHER, True), (TEAM, True), (OWN, False),
    ]  # fmt: skip


def test_a_project_uses_the_key_it_was_told_and_the_default_otherwise(three: Ledger) -> None:
    set_project_key(three, "billing-api", OTHER)
    set_project_key(three, "billing-api", OWN)
    set_project_key(three, "billing-api", TEAM)
    choice = choice_among(list_provider_keys(three))
    assert choice.name_for("openai", "billing-api") == TEAM
    assert choice.name_for("openai", "web-shop") == OWN
    assert choice.name_for("openai", "") == OWN
    assert choice.name_for("google", "billing-api") == KeyName("google")
    unset_project_key(three, "billing-api", "openai")
    assert choice_among(list_provider_keys(three)).name_for("openai", "billing-api") == OWN
    with pytest.raises(InvalidInput, match="uses the default"):
        unset_project_key(three, "billing-api", "openai")


@pytest.mark.parametrize("project", ["", "  "])
def test_no_project_and_a_key_that_is_not_there_cannot_be_chosen(three: Ledger, project: str) -> None:
    with pytest.raises(InvalidInput, match="No project"):
        set_project_key(three, project, TEAM)
    for choose in (set_default_key, lambda ledger, name: set_project_key(ledger, "web-shop", name)):
        with pytest.raises(InvalidInput, match="No such key"):
            choose(three, KeyName("openai", "gone"))
    assert kept(three, OWN).is_default


def test_what_used_a_removed_key_uses_the_oldest_that_is_left(three: Ledger) -> None:
    note_provider_key(three, KeyName("openai", "a newer one"), NOW + timedelta(days=1))
    set_project_key(three, "billing-api", OWN)
    forget_provider_key(three, OWN)
    choice = choice_among(list_provider_keys(three))
    assert choice.name_for("openai", "billing-api") == choice.name_for("openai", "") == TEAM
    note_provider_key(three, OWN, NOW + timedelta(days=2))
    assert kept(three, OWN).projects == (), "another key of that name is not the one that was chosen"
    for name in (OWN, TEAM, TEAM, KeyName("openai", "a newer one")):
        forget_provider_key(three, name)
    assert [key.name for key in list_provider_keys(three)] == [OTHER]


def test_a_replaced_key_is_told_from_the_old_one_and_is_not_tested(three: Ledger) -> None:
    note_trial(three, OWN, Trial.WORKS, NOW)
    set_project_key(three, "web-shop", OWN)
    before = choice_among(list_provider_keys(three))
    note_provider_key(three, OWN, NOW + timedelta(days=1))
    assert kept(three, OWN).trial is Trial.NONE
    assert kept(three, OWN).tested_at is None
    assert kept(three, OWN).projects == ("web-shop",)
    assert kept(three, OWN).is_default
    assert choice_among(list_provider_keys(three)) != before


def test_tests_and_uses_are_noted_and_change_no_choice(three: Ledger) -> None:
    before = choice_among(list_provider_keys(three))
    note_trial(three, TEAM, Trial.REFUSED, NOW)
    with three.write() as connection:
        note_use(connection, TEAM, NOW + timedelta(hours=1))
    assert kept(three, TEAM).trial is Trial.REFUSED
    assert (kept(three, TEAM).tested_at, kept(three, TEAM).last_used_at) == (NOW, NOW + timedelta(hours=1))
    assert choice_among(list_provider_keys(three)) == before
    note_trial(three, KeyName("openai", "gone"), Trial.WORKS, NOW)
    assert len(list_provider_keys(three)) == 3

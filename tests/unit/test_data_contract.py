import pytest
import small_shop

from workbench.data import contract, engine


@pytest.fixture
def events():
    con = engine.connect("500MB", threads=1)
    return con.create_table("events", small_shop.events(households=2, last=2))


def test_conformed_events_pass_and_keep_their_own_columns(events):
    table = contract.check(contract.conform(events, "events"), "events")
    assert list(table.columns[:15]) == list(contract.COLUMNS["events"])
    assert list(table.columns[15:]) == ["store_id", "week"]
    assert table.query.isnull().all().execute()


def test_missing_column_and_wrong_type_are_named(events):
    full = contract.conform(events, "events")
    wrong = full.mutate(quantity=full.event_id).drop("position")
    with pytest.raises(contract.ContractError, match=r"'position' not found.*'quantity' to have type float64"):
        contract.check(wrong, "events")


def test_null_in_a_required_column_is_counted(events):
    table = contract.conform(events, "events")
    with pytest.raises(contract.ContractError, match=r"null in user_id \(\d+ rows\)"):
        contract.check(table.mutate(user_id=table.user_id.nullif("0")), "events")


def test_times_without_a_zone_are_refused(events):
    full = contract.conform(events, "events")
    naive = full.mutate(timestamp=full.timestamp.cast("timestamp"))
    with pytest.raises(contract.ContractError, match="'timestamp' to have type timestamp"):
        contract.check(naive, "events")


def test_names_and_types_can_be_checked_without_a_look_at_the_rows(events):
    full = contract.conform(events, "events")
    nulls = full.mutate(user_id=full.user_id.nullif("0"))
    assert contract.check_schema(nulls, "events") is nulls
    with pytest.raises(contract.ContractError, match="'user_id' not found"):
        contract.check_schema(nulls.drop("user_id"), "events")

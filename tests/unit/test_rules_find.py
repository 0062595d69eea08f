"""Rule sets by name with a shop's own rules, and labels that a person corrected, through the whole of cleaning."""

from pathlib import Path

import pandas as pd
import pytest

from workbench.data import contract, engine
from workbench.governance import cleaning, quality, rules
from workbench.governance.labels import corrections
from workbench.governance.labels.label_noise import plant

OWN = {
    "name": "asked too briefly", "dimension": "usability", "table": "texts", "action": "quarantine",
    "failing": "length(text) < 4",
}  # fmt: skip


@pytest.fixture
def con():
    return engine.connect("500MB", threads=1)


@pytest.fixture
def tables(con):
    frame = pd.DataFrame({
        "text_id": ["1", "2", "3", "4"], "text": ["where is my card", "why so late", "hm", "my card is gone"],
        "label": ["card", "card", "delay", "card"], "language": "en",
    })  # fmt: skip
    return {"texts": contract.conform(con.create_table("given", frame), "texts")}


def cleaned(con, tables, own):
    found = rules.find("shop", own, tables)
    applied, _ = quality.applicable(found.rules, tables)
    seen = found.seen(con, tables)
    return cleaning.clean(con, tables, seen, applied, found.order, quality.measure(seen, applied))


def test_own_rules_join_those_of_the_set(con, tables, tmp_path: Path):
    module = tmp_path / "more.py"
    module.write_text(
        "from workbench.governance.quality import Rule\n"
        "RULES = [Rule('card', 'accuracy', 'texts', lambda t, _: t.label == 'card', severity='low')]\n",
        encoding="utf-8",
    )
    found = rules.find("shop", [OWN, str(module)], tables)
    assert [rule.name for rule in found.rules[-2:]] == ["asked too briefly", "card"]
    counts = quality.measure(found.seen(con, tables), found.rules[-2:]).set_index("rule")["failing"]
    assert counts.to_dict() == {"asked too briefly": 1, "card": 3}
    done = cleaned(con, tables, [OWN])
    assert done.quarantine.execute()["reasons"].tolist() == ["asked too briefly"]


@pytest.mark.parametrize("name", ["product title: HTML in it", "Product Title: html in it", "Mine"])
@pytest.mark.parametrize("way", ["data", "module"])
def test_a_name_that_another_rule_has_is_refused_wherever_it_comes_from(tmp_path: Path, name, way):
    module = tmp_path / "more.py"
    module.write_text(
        "from workbench.governance.quality import Rule\n"
        f"RULES = [Rule({name!r}, 'accuracy', 'texts', lambda t, _: t.label == 'card')]\n"
    )
    other = OWN | {"name": "mine"}
    again = [OWN | {"name": name}] if way == "data" else [str(module)]
    with pytest.raises(ValueError, match=f"two rules have the name '{name}'.*: rename one"):
        rules.find("shop", [other, *again])
    rules.find("shop", [other])


def test_a_shop_says_what_a_rule_does_instead(con, tables):
    row = {"text": "n/a", "text_id": "5", "label": "card", "language": "en"}
    texts = contract.conform(con.create_table("more", pd.DataFrame([row])), "texts").union(tables["texts"])
    name = "labelled text: a placeholder, no value"

    def rule_of(actions):
        found = rules.find("shop", [], {"texts": texts}, actions)
        applied, _ = quality.applicable([rule for rule in found.rules if rule.name == name], {"texts": texts})
        seen = found.seen(con, {"texts": texts})
        measured = quality.measure(seen, applied)
        left = cleaning.clean(con, {"texts": texts}, seen, applied, found.order, measured).balance["clean"].sum()
        return measured["failing"].tolist(), left

    assert rule_of({}) == ([1], 4)
    assert rule_of({name: "warn"}) == ([1], 5)
    assert rule_of({name: "off"}) == ([], 5)
    with pytest.raises(ValueError, match="names no rule 'labelled text: a placeholder', did you mean 'labelled"):
        rules.find("shop", [], None, {"labelled text: a placeholder": "off"})
    with pytest.raises(ValueError, match=r"'mute' is no action for .*: write one of warn, off"):
        rules.find("shop", [], None, {name: "mute"})


def test_an_unknown_set_names_the_nearest():
    with pytest.raises(ValueError, match="unknown rule set 'grocer', did you mean 'grocery'"):
        rules.find("grocer")


def test_labels_corrected_by_a_person_join_the_record(con, tables, tmp_path: Path):
    rows = [("2", "why so late", "card", "fix", "delay"), ("4", "my card is gone", "card", "drop", ""),
            ("1", "where is my bag", "card", "keep", "")]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["text_id", "text", "label", "decision", "new_label"])
    path = tmp_path / "corrections.csv"
    corrections.write(path, frame.assign(suggested="delay", who="me", when="2027-01-01T00:00:00Z"))
    before = cleaned(con, tables, [OWN])
    after, outdated = corrections.onto(con, before, path)
    texts = after.tables["texts"].order_by("text_id").execute()
    assert texts[["text_id", "label"]].values.tolist() == [["1", "card"], ["2", "delay"]]
    assert outdated["text_id"].tolist() == ["1"]
    balance = after.balance.set_index("table").loc["texts"]
    assert balance["collected"] + balance["added"] == balance[["clean", "quarantined", "merged"]].sum()
    assert (balance["clean"], balance["quarantined"]) == (2, 2)
    repaired = after.repairs.filter(after.repairs.column == "label").execute()
    assert repaired[["key", "before", "after"]].values.tolist() == [["2", "card", "delay"]]
    assert set(after.quarantine.execute()["key"]) == {"3", "4"}
    with pytest.raises(corrections.CorrectionsError, match="this source has none"):
        corrections.onto(con, cleaning.Cleaned({}, *[before.repairs] * 3, before.balance), path)


def test_moved_labels_are_other_labels():
    texts = pd.DataFrame({"text_id": range(1000), "text": "x", "label": [f"c{n % 5}" for n in range(1000)]})
    changed, moved = plant(texts, 0.1, seed=1)
    assert moved.sum() == 100
    assert ((changed["label"] != texts["label"]).to_numpy() == moved).all()

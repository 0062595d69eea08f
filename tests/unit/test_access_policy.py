"""Who may read what: policy files that are understood or refused, decisions, keys, and acting in a role."""

import json
from pathlib import Path

import pytest

from benchmarks import access_requests
from workbench.governance.access import audit, policy, roles
from workbench.governance.access.policy import GROUPS, PURPOSES, PolicyError

ALLOW = "p, analyst, *, measures, reporting, allow\n"


@pytest.fixture(scope="module")
def shipped() -> policy.Policy:
    return policy.read()


def test_five_thousand_random_requests_are_decided_as_the_wording_says(tmp_path: Path) -> None:
    counts = access_requests.measure(5_000, seed=1, bench=tmp_path)
    assert counts["requests"] >= 5_000
    assert min(counts["granted"], counts["denied"], counts["strange"]) > 500
    assert counts["leaks"] == counts["wrong denials"] == counts["wrong keys"] == 0
    assert json.loads((tmp_path / "access_wrong_decisions.json").read_text())["met"]


@pytest.mark.parametrize(
    ("right", "broken", "wrong"),
    [
        ("&& !some(where (p.eft == deny))", "", "leaks"),
        ("r.group == p.group", "r.group != p.group", "wrong denials"),
        ('p.table == "*" || ', "", "wrong denials"),
        (" && (p.purpose == ", " || (p.purpose == ", "leaks"),
    ],
)
def test_a_broken_model_is_noticed_by_the_oracle(monkeypatch, right: str, broken: str, wrong: str) -> None:
    assert right in policy.MODEL
    monkeypatch.setattr(policy, "MODEL", policy.MODEL.replace(right, broken))
    assert access_requests.judge(4_000, seed=2)[wrong] > 0


def test_a_role_that_asks_for_everything_gets_past_no_denial() -> None:
    """`*` in a request would match the lines for `*` alone, and an empty name an empty policy."""
    decide = policy.parse("p, a, *, *, *, allow\np, a, users, ids, training, deny").decide
    assert not decide("a", "users", "ids", "training").allowed
    for request in (("a", "*", "ids", "training"), ("a", "users", "*", "training"), ("a", "users", "ids", "*")):
        assert not decide(*request).allowed
    assert not policy.Policy([]).decide("", "", "", "").allowed


def test_the_shipped_roles(shipped: policy.Policy) -> None:
    assert shipped.roles == ("analyst", "data_scientist", "privacy_officer")
    assert shipped.groups("analyst") == {"measures", "quasi"}
    assert shipped.groups("data_scientist") == {"measures", "text", "ids"}
    assert shipped.groups("privacy_officer") == set(GROUPS)
    assert shipped.groups("visitor") == set()
    assert all(shipped.beyond_keys(role) == [] for role in shipped.roles), "what is denied cannot be decrypted"
    may = {
        (role, group, purpose)
        for role in shipped.roles[:2] for group in GROUPS for purpose in PURPOSES
        if shipped.decide(role, "events", group, purpose).allowed
    }  # fmt: skip
    assert may == {
        *(
            ("data_scientist", group, purpose)
            for group in ("ids", "text", "measures")
            for purpose in ("training", "evaluation")
        ),
        ("analyst", "measures", "reporting"), ("analyst", "quasi", "reporting"),
    }  # fmt: skip
    assert all(shipped.decide("privacy_officer", "users", "ids", purpose).allowed for purpose in PURPOSES)


def test_a_decision_says_why(shipped: policy.Policy) -> None:
    granted = shipped.decide("analyst", "events", "measures", "reporting")
    line = policy.SHIPPED.read_text().splitlines()[int(granted.reason.split()[1]) - 1]
    assert (granted.allowed, line) == (True, "p, analyst, *, measures, reporting, allow")
    denied = shipped.decide("analyst", "events", "text", "reporting")
    line = policy.SHIPPED.read_text().splitlines()[int(denied.reason.split()[1]) - 1]
    assert (denied.allowed, line) == (False, "p, analyst, *, text, *, deny")
    assert shipped.decide("analyst", "events", "quasi", "training").reason == "no line of the policy allows it"
    assert "'words' is none of the column groups" in shipped.decide("analyst", "events", "words", "reporting").reason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p, analyst, *, txt, reporting, allow", r"line 2: unknown column group 'txt', did you mean 'text'\?"),
        ("p, analyst, *, text, reprting, deny", r"line 2: unknown purpose 'reprting', did you mean 'reporting'\?"),
        ("p, analyst, *, text, reporting, permit", r"line 2: unknown effect 'permit' \(known: allow, deny\)"),
        ("p, analyst, *, text, reporting", r"line 2 .* should be six fields .* has 5"),
        ("p, analyst, *, text, reporting, allow, deny", r"line 2 .* should be six fields .* has 7"),
        ("g, analyst, data_scientist", r"line 2 .* should be six fields .* 'g'"),
        ("analyst, *, text, reporting, allow, x", r"line 2 .* should be six fields .* 'analyst'"),
        ("p, *, *, text, reporting, allow", r"line 2: '\*' is no name of a role"),
        ("p, analyst, , text, reporting, allow", r"line 2: '' is no name of a table"),
        ("p, analyst, *, text, reporting, allow # so", r"line 2: unknown effect 'allow # so'"),
        ("p,analyst,*,measures,reporting,allow", r"line 2 \(p,analyst.*\) repeats line 1: delete one"),
        ("p, analyst, *, measures, reporting, deny", r"line 2 \(p, analyst.*\) contradicts line 1: delete one"),
        ("p, analist, *, text, *, deny", r"line 2: nothing is allowed to the role 'analist', did you mean 'analyst'\?"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_line(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "policy.csv"
    file.write_text(ALLOW + line + "\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=said) as raised:
        policy.read(file)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_misspelt_table_is_refused_where_tables_are_known() -> None:
    line = "p, analyst, evnts, measures, reporting, deny"
    with pytest.raises(PolicyError, match=r"line 2: unknown table 'evnts', did you mean 'events'\?"):
        policy.parse(ALLOW + line, tables=["events", "items"])
    policy.parse(ALLOW + line.replace("evnts", "events"), tables=["events", "items"])


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        policy.read(tmp_path / "none.csv")
    file = tmp_path / "policy.csv"
    file.write_text("# nothing\n\n")
    with pytest.raises(PolicyError, match="allows nobody anything"):
        policy.read(file)
    file.write_bytes(ALLOW.encode("utf-16"))
    with pytest.raises(PolicyError, match="is not UTF-8"):
        policy.read(file)


def test_no_line_hides_in_a_comment_and_windows_may_have_saved_the_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.csv"
    hidden = "".join(f"{sign}p, analyst, *, text, *, allow" for sign in "\u2028\x0b\x0c\x85\r")
    file.write_bytes(b"\xef\xbb\xbf" + (ALLOW + "# why" + hidden + "\n").replace("\n", "\r\n").encode())
    assert policy.read(file).groups("analyst") == {"measures"}


def test_a_role_more_by_editing_the_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.csv"
    file.write_text(policy.SHIPPED.read_text() + "p, 客服, reviews, text, reporting, allow\n", encoding="utf-8")
    edited = policy.read(file)
    assert edited.groups("客服") == {"text"}
    assert edited.decide("客服", "reviews", "text", "reporting").allowed
    assert not edited.decide("客服", "queries", "text", "reporting").allowed


def test_what_keys_cannot_hold_back_is_named() -> None:
    narrow = policy.parse("p, a, *, ids, *, allow\np, a, users, ids, *, deny\np, a, reviews, text, training, allow")
    assert narrow.groups("a") == {"ids", "text"}
    assert set(narrow.beyond_keys("a")) == {("users", "ids"), ("users", "text"), ("*", "text")}
    said = roles.statement(narrow, {"ids", "text"})
    assert "denies a the ids of users, yet its keys can decrypt them" in said
    assert "denies a the text of all other tables, yet" in said


def test_one_account_with_all_keys_holds_all_roles(shipped: policy.Policy) -> None:
    assert roles.held(shipped, GROUPS) == list(shipped.roles)
    assert roles.held(shipped, {"measures", "quasi"}) == ["analyst"]
    assert roles.held(shipped, {"measures"}) == []
    said = roles.statement(shipped, GROUPS)
    assert "One account that holds all key files holds all roles" in said
    assert "roles of analyst, data_scientist and privacy_officer" in said
    assert "One account" not in roles.statement(shipped, {"measures", "quasi"})
    assert "holds no role" in roles.statement(shipped, set())


def test_the_role_is_the_key_file(shipped: policy.Policy) -> None:
    assert all(roles.acting(shipped, shipped.groups(role)) == role for role in shipped.roles)
    assert roles.acting(shipped, {"measures", "quasi"}, "analyst") == "analyst"
    with pytest.raises(roles.AccessDeniedError, match="keys by the policy are measures and quasi: make it again"):
        roles.acting(shipped, GROUPS, "analyst")
    with pytest.raises(roles.AccessDeniedError, match="keys by the policy are ids, measures, quasi and text"):
        roles.acting(shipped, {"measures", "quasi"}, "privacy_officer")
    with pytest.raises(roles.AccessDeniedError, match="fits no role"):
        roles.acting(shipped, {"quasi"})
    twins = policy.parse(ALLOW + "p, auditor, *, measures, evaluation, allow")
    assert roles.acting(twins, {"measures"}, "auditor") == "auditor"
    with pytest.raises(roles.AccessDeniedError, match="fits the roles analyst and auditor"):
        roles.acting(twins, {"measures"})


def test_every_answer_is_in_the_log(shipped: policy.Policy, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    access = roles.Access(shipped, "analyst", log, "run 7", b"secret key")
    assert "secret key" not in repr(access)
    access.require("users", ["quasi", "measures"], "reporting")
    with pytest.raises(
        roles.AccessDeniedError, match=r"'analyst' may not read of 'users' for reporting: text \(line \d+"
    ):
        access.require("users", ["measures", "text", "ids"], "reporting")
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(entry["group"], entry["decision"]) for entry in entries] == [
        ("quasi", "granted"), ("measures", "granted"), ("measures", "granted"), ("text", "denied"), ("ids", "denied"),
    ]  # fmt: skip
    assert {(entry["role"], entry["table"], entry["purpose"], entry["run"]) for entry in entries} == {
        ("analyst", "users", "reporting", "run 7")
    }
    assert audit.verify(log, {"run 7": audit.head(log)}, b"secret key") == []


def test_nothing_is_granted_that_cannot_be_recorded(shipped: policy.Policy, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    log.write_text("not a log\n")
    log.chmod(0o600)
    with pytest.raises(audit.AuditError, match="no entry of a log"):
        roles.Access(shipped, "privacy_officer", log, "run").decide("users", "ids", "reidentification")

"""Does the policy decide as its wording says: random requests to random policies, against an oracle.

The oracle is written from the explanation in `policy.csv` and knows nothing of casbin: it spells out which requests
the lines allow and which they deny. Requests that name no single thing are among them. Then: requests a second as the
workbench asks (each distinct one goes to casbin once), and with the entry in the audit log.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from itertools import product
from pathlib import Path

from workbench.governance.access import audit, policy
from workbench.governance.access.policy import GROUPS, PURPOSES
from workbench.governance.access.roles import Access

from .record import FOLDER, record

Request = tuple[str, str, str, str]
ROLES = ("data_scientist", "analyst", "privacy_officer", "客服", "shop-2.intern")
NAMED = ("events", "items", "users", "reviews", "queries")  # tables that lines may name
ODD = ("EVENTS", "p", "allow", "true", "r.role")  # names for a table as good as any, and of nothing else
TABLES = (*NAMED, "event", "searches_2", *ODD)  # tables that requests may name
STRANGE = ("*", "", " ", " text", "ids ", "text\n", "ids,text", '"', "training;")  # no names at all
A_POLICY = 400  # requests that each policy is asked


def main() -> int:
    """Judge the requests, and record the rows; 1 if a decision was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=120_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts = measure(given.requests, given.seed)
    log_speed()
    return int(bool(wrong(counts)))


def measure(requests: int, seed: int, bench: Path = FOLDER) -> Counter[str]:
    """Print what was decided, and record wrong decisions and speed."""
    counts = judge(requests, seed)
    print(
        f"\n{counts['requests']:,} requests to {counts['policies']:,} policies of {counts['lines']:,} lines: "
        f"{counts['granted']:,} granted ({counts['leaks']} leaks), {counts['denied']:,} denied "
        f"({counts['wrong denials']} wrongly), {counts['strange']:,} of them for what is no name; key files of "
        f"{counts['roles']:,} roles ({counts['wrong keys']} wrong); asked again: "
        f"{counts['requests'] / (counts['again ns'] / 1e9):,.0f} a second"
    )
    record(
        "access_wrong_decisions", wrong(counts), f"of {counts['requests']:,} requests", target=0,
        higher_is_better=False, rival="an oracle from the wording", folder=bench,
    )  # fmt: skip
    alone = counts["distinct"] / (counts["casbin ns"] / 1e9)
    record(
        "access_requests", counts["requests"] / (counts["ours ns"] / 1e9), "requests a second", target=None,
        higher_is_better=True, rival=f"casbin's enforce at each: {alone:,.0f}", folder=bench,
    )  # fmt: skip
    return counts


def wrong(counts: Counter[str]) -> int:
    """Leaks, wrong denials, key files with other keys than the policy says, and policies that answer anew otherwise."""
    return sum(counts[kind] for kind in ("leaks", "wrong denials", "wrong keys", "changed their mind"))


def judge(requests: int, seed: int) -> Counter[str]:
    """Ask random policies; how often they and the oracle agreed, and the nanoseconds that the asking took."""
    rng, counts = random.Random(seed), Counter[str]()
    while counts["requests"] < requests:
        text = random_policy(rng)
        asked = [random_request(rng) for _ in range(A_POLICY)]
        granted = oracle(text)
        ours = policy.parse(text)
        began = time.perf_counter_ns()
        decisions = [ours.decide(*request).allowed for request in asked]
        asked_once = time.perf_counter_ns()
        again = [ours.decide(*request).allowed for request in asked]
        counts += Counter({"ours ns": asked_once - began, "again ns": time.perf_counter_ns() - asked_once})
        counts["changed their mind"] += again != decisions
        for request, allowed in zip(asked, decisions, strict=True):
            counts["granted" if allowed else "denied"] += 1
            counts["leaks"] += allowed and request not in granted
            counts["wrong denials"] += not allowed and request in granted
            counts["strange"] += not allowed and any(name in STRANGE for name in request)
        for role in {line.role for line in ours.lines}:
            counts["roles"] += 1
            counts["wrong keys"] += ours.groups(role) != {group for one, _, group, _ in granted if one == role}
        counts += Counter({"requests": len(asked), "policies": 1, "lines": len(ours.lines)})
        counts += casbin_alone(text, asked)
    return counts


def casbin_alone(text: str, asked: list[Request]) -> Counter[str]:
    """Nanoseconds of casbin for the distinct requests, nothing remembered."""
    fresh, distinct = policy.parse(text), set(asked)
    began = time.perf_counter_ns()
    for request in distinct:
        fresh.decide(*request)
    return Counter({"distinct": len(distinct), "casbin ns": time.perf_counter_ns() - began})


def oracle(text: str) -> set[Request]:
    """Every request that the wording grants: what lines allow, less what lines deny."""
    rights: dict[str, set[Request]] = {"allow": set(), "deny": set()}
    for line in text.splitlines():
        if line.startswith("p"):
            _, role, table, group, purpose, effect = (word.strip() for word in line.split(","))
            tables = TABLES if table == "*" else [table]
            groups = GROUPS if group == "*" else [group]
            purposes = PURPOSES if purpose == "*" else [purpose]
            rights[effect] |= set(product([role], tables, groups, purposes))
    return rights["allow"] - rights["deny"]


def random_policy(rng: random.Random) -> str:
    """A policy that is understood: three to thirty lines, allowing and denying, with wildcards, comments and blanks."""
    roles = rng.sample(ROLES, rng.randint(1, len(ROLES)))
    wild, denying = rng.random(), rng.random() * 0.7
    about: dict[tuple[str, ...], str] = {}
    for role in roles:  # what is denied to a role that is allowed nothing is refused
        about[_about(rng, role, wild)] = "allow"
    for _ in range(rng.randint(2, 25)):
        about.setdefault(_about(rng, rng.choice(roles), wild), "deny" if rng.random() < denying else "allow")
    lines = [("," + " " * rng.randint(0, 2)).join(("p", *fields, effect)) for fields, effect in about.items()]
    rng.shuffle(lines)
    return "# a policy, made at random\n" + "\n\n".join(lines[:2]) + "\n" + "\n".join(lines[2:])


def _about(rng: random.Random, role: str, wild: float) -> tuple[str, ...]:
    return (role, *("*" if rng.random() < wild else rng.choice(names) for names in (NAMED, GROUPS, PURPOSES)))


def random_request(rng: random.Random) -> Request:
    """A request for something there is; one in six names something that there is not."""
    names = [rng.choice(names) for names in (ROLES, TABLES, GROUPS, PURPOSES)]
    if rng.random() < 1 / 6:
        names[rng.randrange(4)] = rng.choice((*STRANGE, *ODD))
    return names[0], names[1], names[2], names[3]


def log_speed(entries: int = 2000, bench: Path = FOLDER) -> None:
    """Entries a second with each on the disk, and of checking the log."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory(dir=bench if bench.exists() else None) as folder:
        log = Path(folder) / "audit.jsonl"
        asking = Access(policy.read(), "analyst", log, "a run", b"k" * 32)
        began = time.perf_counter()
        for _ in range(entries):
            asking.decide(*random_request(rng)[1:])
        appended = time.perf_counter() - began
        began = time.perf_counter()
        problems = audit.verify(log, {"the run": audit.head(log)}, b"k" * 32)
        checked = time.perf_counter() - began
    if problems:
        raise RuntimeError(f"the log is not whole: {problems[0]}")
    rival = f"checking the log: {entries / checked:,.0f} a second"
    record(
        "access_audit_log", entries / appended, "entries a second", target=None, higher_is_better=True, rival=rival,
        folder=bench,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

"""Acting in a role: a role is the key file that a process can open, and no parameter names it.

The policy decides which column groups' keys the file of a role holds, so what a role is denied, its process cannot
decrypt. What keys cannot tell apart, purposes and single tables, the policy decides and the audit log keeps.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from workbench.governance.access import audit
from workbench.governance.access.policy import ANY, GROUPS, Decision, Policy


class AccessDeniedError(ValueError):
    """The policy does not grant a request, or a key file is not that of a role of the policy."""


def held(policy: Policy, groups: Collection[str]) -> list[str]:
    """Roles that the keys of these column groups are enough for."""
    return [role for role in policy.roles if set() < policy.groups(role) <= set(groups)]


def acting(policy: Policy, groups: Collection[str], name: str = "") -> str:
    """The role of a key file.

    Args:
        policy: it says which keys the file of each role holds.
        groups: column groups whose keys the file holds.
        name: the role that the file itself names, if it does.

    Raises:
        AccessDeniedError: the file does not hold what the policy gives that role; or it names none, and several roles
            or none have just these keys.

    """
    fitting = [role for role in policy.roles if policy.groups(role) == set(groups)]
    if not name and len(fitting) == 1:
        return fitting[0]
    if name in fitting:
        return name
    keys = f"a key file with the keys of {_list(sorted(groups)) or 'no column group'}"
    if name:
        due = _list(sorted(policy.groups(name))) or "none"
        raise AccessDeniedError(f"{keys} names the role '{name}', whose keys by the policy are {due}: make it again")
    if fitting:
        raise AccessDeniedError(f"{keys} fits the roles {_list(fitting)}: make it again, naming one")
    raise AccessDeniedError(f"{keys} fits no role of the policy: make it again for one of {_list(policy.roles)}")


def statement(policy: Policy, groups: Collection[str]) -> str:
    """Sentences for the report: which roles a process with these keys holds, and what keys cannot hold back."""
    roles = held(policy, groups)
    keys = "all column groups" if set(groups) >= set(GROUPS) else _list(sorted(groups)) or "no column group"
    holds = (
        f"holds the role{'s' if len(roles) > 1 else ''} of {_list(roles)}" if roles else "holds no role of the policy"
    )
    said = [f"This process can open the keys of {keys}, and so {holds}."]
    if len(roles) > 1:
        said.append(
            "One account that holds all key files holds all roles: between roles on one account there is a record "
            "and no barrier, so give each role's key file to an account of its own."
        )
    said.append("Keys go by column group: they do not know the purpose, which the policy decides and the log keeps.")
    for role in roles:
        said += [
            f"The policy denies {role} the {group} of {'all other tables' if table == ANY else table}, "
            "yet its keys can decrypt them."
            for table, group in policy.beyond_keys(role)
        ]
    return " ".join(said)


@dataclass(frozen=True)
class Access:
    """Asks the policy in one role, and records every answer before giving it.

    Args:
        policy: decides.
        role: of the key file that the process opened (`acting`).
        log: path of the audit log.
        run: name of the run that asks.
        key: seals the entries of the log, see `audit.append`.

    """

    policy: Policy
    role: str
    log: Path
    run: str
    key: bytes | None = field(default=None, repr=False)

    def decide(self, table: str, group: str, purpose: str) -> Decision:
        """Decide one request; it is in the log, on the disk, when this returns."""
        decision = self.policy.decide(self.role, table, group, purpose)
        entry = {
            "role": self.role, "table": table, "group": group, "purpose": purpose, "run": self.run,
            "decision": "granted" if decision.allowed else "denied", "reason": decision.reason,
        }  # fmt: skip
        audit.append(self.log, entry, self.key)
        return decision

    def require(self, table: str, groups: Iterable[str], purpose: str) -> None:
        """Decide a request for several column groups of a table.

        Raises:
            AccessDeniedError: one of them is denied; the message says all that are and why.

        """
        decisions = {group: self.decide(table, group, purpose) for group in groups}
        if denied := [f"{group} ({one.reason})" for group, one in decisions.items() if not one.allowed]:
            raise AccessDeniedError(
                f"the role '{self.role}' may not read of '{table}' for {purpose}: {'; '.join(denied)}; "
                "use the key file of a role that may"
            )


def _list(names: Collection[str]) -> str:
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last

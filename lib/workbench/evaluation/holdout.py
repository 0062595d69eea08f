"""A count of how often the test window was looked at: a split that is used often is no test any more."""

from __future__ import annotations

import fcntl
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from workbench.artifacts import read_json


def count_use(register: Path, governed: Path, weeks: tuple[int, int], stage: Path) -> int:
    """Write down one more evaluation on the test weeks and say how many there were with this one.

    The data are known by the raw files that governance read: another seed, rule or sample of the same shop looks at
    the same weeks.

    Args:
        register: JSON Lines file, kept outside the runs; lines are only ever appended.
        governed: folder of the governance stage.
        weeks: first and last week of the test.
        stage: folder of the stage that looks.

    Returns:
        Uses of these weeks of these data, this one included.

    Raises:
        ValueError: the register holds a line that is not JSON.
    """
    inputs = read_json(governed / "manifest.json")["inputs"]
    raw = hashlib.sha256("".join(sorted(entry["sha256"] for entry in inputs)).encode()).hexdigest()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    use = {"data": raw, "weeks": list(weeks), "by": "/".join(stage.parts[-2:]), "at": now}
    register.parent.mkdir(parents=True, exist_ok=True)
    with register.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two runs may end at the same moment
        file.seek(0)
        try:
            uses = [json.loads(line) for line in file if line.strip()]
        except json.JSONDecodeError as error:
            raise ValueError(f"{register} is damaged ({error}): mend or move it, then run again") from error
        file.write(json.dumps(use) + "\n")
    same = [other for other in uses if other.get("data") == raw]
    return 1 + sum(other.get("weeks", use["weeks"]) == use["weeks"] for other in same)  # older lines name no weeks

"""A count of how often the test window was looked at: a split that is used often is no test any more."""

from __future__ import annotations

import fcntl
import json
from datetime import UTC, datetime
from pathlib import Path

from workbench.artifacts import sha256


def count_use(register: Path, data: Path, stage: Path) -> int:
    """Write down one more evaluation on the test window and say how many there were with this one.

    Args:
        register: JSON Lines file, kept outside the runs; lines are only ever appended.
        data: file whose test window is looked at, known by its content.
        stage: folder of the stage that looks.

    Returns:
        Uses of this data, this one included.

    Raises:
        ValueError: the register holds a line that is not JSON.
    """
    content = sha256(data)
    register.parent.mkdir(parents=True, exist_ok=True)
    with register.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two runs may end at the same moment
        file.seek(0)
        try:
            uses = [json.loads(line) for line in file if line.strip()]
        except json.JSONDecodeError as error:
            raise ValueError(f"{register} is damaged ({error}): mend or move it, then run again") from error
        now = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(json.dumps({"data": content, "by": "/".join(stage.parts[-2:]), "at": now}) + "\n")
    return 1 + sum(use["data"] == content for use in uses)

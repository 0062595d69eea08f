"""`python -m tests.benchmarks [--only NAME [ARGUMENT …]]`: run the benchmarks, then show what is met and what not."""

import argparse
import subprocess
import sys
from pathlib import Path

from .record import line, recorded

NOT_BENCHMARKS = {
    "__init__", "__main__", "record", "governance_pandas", "fault_schemas", "pii_texts", "pii_lists", "pii_rewriting",
    "pii_numbers", "pii_values", "pii_values_en", "pii_values_zh", "textbook",
}  # fmt: skip


def main() -> int:
    """Run each benchmark in a process of its own; 1 if one of them broke."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", choices=names, help="run just this one, and pass what follows on to it")
    given, passed_on = parser.parse_known_args()
    only = given.only
    if passed_on and not only:
        parser.error(f"{' '.join(passed_on)}: name the benchmark that takes this by --only")
    broken = [
        name
        for name in ([only] if only else names)
        if subprocess.run([sys.executable, "-m", f"{__package__}.{name}", *passed_on], check=False).returncode
    ]
    print("\nAll benchmarks, as last measured")
    for row in recorded():
        print(line(row))
    for name in broken:
        print(f"{name} broke: run `python -m {__package__}.{name}` to see why")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())

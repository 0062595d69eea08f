"""Versions of what makes a result."""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

MAIN_PACKAGES = (
    "torch", "transformers", "tokenizers", "numpy", "pandas", "pyarrow", "scipy", "scikit-learn",
    "ibis-framework", "duckdb", "pandera", "lightgbm", "implicit", "ir-measures",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python, of this lib (with a hash of its sources) and of the main packages installed."""
    found = {"python": python_version(), "workbench": f"{_version('ecommerce-workbench')}+{_lib_hash()[:12]}"}
    return found | {name: number for name in MAIN_PACKAGES if (number := _version(name))}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # an optional package
        return ""


def _lib_hash() -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

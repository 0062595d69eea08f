"""A training's checkpoints under lock: what `workbench.models.checkpoints` calls a keeper.

A model remembers what it was trained on, and its optimizer too, so both are sealed like the texts that they saw. Their
wrapped keys lie beside them, for a stage that is tried again keeps nothing but its checkpoints.
"""

from pathlib import Path

from workbench.governance.access.vault import Vault

GROUP = "text"
SUFFIX = ".sealed"


class SealedCheckpoints:
    """Files that are sealed one by one; the largest has to fit into memory twice.

    Args:
        safe: a vault by this process's keys.
        folder: the checkpoints' own, such as `stage.path("checkpoint/mlm")`; one process at a time makes use of it.

    """

    def __init__(self, safe: Vault, folder: Path):
        self.folder = folder
        self.safe = Vault(folder, safe.keys, safe.material.kms)
        for part in folder.rglob(".*.part"):  # what a kill left half-written
            part.unlink()

    def names(self) -> list[str]:
        """What is kept."""
        files = self.folder.rglob(f"*{SUFFIX}")
        return sorted(str(path.relative_to(self.folder)).removesuffix(SUFFIX) for path in files)

    def keep(self, name: str, data: bytes) -> None:
        """Seal a file, at once."""
        self.safe.seal(name + SUFFIX, data, GROUP)

    def restore(self, name: str) -> bytes:
        """Open a file; raises `Denied` or `Tampered`."""
        return self.safe.unseal(name + SUFFIX)

    def forget(self, name: str) -> None:
        """Remove a file."""
        path = self.folder / (name + SUFFIX)
        path.unlink()
        if path.parent != self.folder and not any(path.parent.iterdir()):
            path.parent.rmdir()

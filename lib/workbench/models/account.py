"""What a training has used, from its first attempt on: its checkpoints remember it, so that what goes on adds up."""

import time
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState


class Account(TrainerCallback, ExportableState):
    """Seconds of the steps and evaluations that count, and parts into which the largest batches had to be cut.

    What a kill undid is computed again, and counts once, as its tokens do.
    """

    def __init__(self, spent: float = 0.0, parts: int = 1) -> None:
        self.spent, self.parts = spent, parts
        self.since: float | None = None  # when this attempt began to train

    @property
    def seconds(self) -> float:
        """Until now, or until the training ended."""
        return self.spent + (0.0 if self.since is None else time.perf_counter() - self.since)

    def state(self) -> dict[str, Any]:
        """What makes the same account again, as transformers takes it into a checkpoint."""
        return {"args": {"spent": self.seconds, "parts": self.parts}, "attributes": {}}

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """From here on seconds count."""
        self.since = time.perf_counter()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Up to here they did."""
        self.spent, self.since = self.seconds, None

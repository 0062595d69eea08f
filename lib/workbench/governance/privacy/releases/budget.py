"""A privacy loss: ε and δ."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """What releases may cost, or have cost.

    Args:
        epsilon: bound of the privacy loss; for scale: at 1 nobody's part makes a result more than 2.7 times as likely.
        delta: probability with which the loss may be more.

    Raises:
        ValueError: these are no bounds.

    """

    epsilon: float
    delta: float = 0.0

    def __post_init__(self) -> None:
        for part in ("epsilon", "delta"):
            object.__setattr__(
                self, part, float(getattr(self, part))
            )  # so that 1 and 1.0 cost and are written the same
        if not (0 <= self.epsilon < math.inf and 0 <= self.delta < 1):
            raise ValueError(
                f"a budget of ε = {self.epsilon}, δ = {self.delta} bounds nothing: give 0 ≤ ε < ∞ and 0 ≤ δ < 1"
            )

    def __str__(self) -> str:
        return f"ε = {self.epsilon:.4g}, δ = {self.delta:.4g}"

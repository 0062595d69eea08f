"""When the storefront is visited: a rhythm of hours and weekdays in the shop's own time, stored as UTC."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

HOURS = np.array(
    [3, 2, 1, 1, 1, 2, 4, 7, 9, 11, 12, 13, 14, 13, 12, 12, 13, 15, 18, 21, 23, 20, 13, 7], float
)  # visits of an hour of the day
DAYS = np.array([1.0, 0.95, 0.95, 1.0, 1.05, 1.25, 1.35])  # Monday to Sunday
GROWTH = 0.15  # more visits at the end of the log than at its beginning


@dataclass(frozen=True)
class Clock:
    """A log of whole weeks that begins on Monday, 1 January 2024, at midnight UTC; times are µs since 1970."""

    SECOND: ClassVar[int] = 1_000_000
    DAY: ClassVar[int] = 86_400 * SECOND
    WEEK: ClassVar[int] = 7 * DAY

    weeks: int
    offset_hours: int
    start: int = field(default=int(np.datetime64("2024-01-01", "us").astype(np.int64)))

    @property
    def end(self) -> int:
        """Where the log ends, excluded."""
        return self.start + self.weeks * self.WEEK

    def week(self, time: np.ndarray) -> np.ndarray:
        """Number of the week of each time, from 0; what runs over the end belongs to the last one."""
        return np.minimum((time - self.start) // self.WEEK, self.weeks - 1)

    def times(self, shares: np.ndarray) -> np.ndarray:
        """Times before which the given shares (0 to 1) of all visits fall: the quantiles of the rhythm."""
        local = np.arange(self.weeks * 168) + self.offset_hours
        rate = HOURS[local % 24] * DAYS[local // 24 % 7] * (1 + GROWTH * local / len(local))
        reached = np.concatenate([[0.0], np.cumsum(rate)])
        hours = np.interp(shares * reached[-1], reached, np.arange(len(reached)))
        return self.start + (hours * 3600 * self.SECOND).astype(np.int64)

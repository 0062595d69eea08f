"""What a run shows while it works: by stage and by cell, with an estimate of what is left."""

import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

PLAIN_EVERY = 15.0  # seconds between two lines where no terminal shows a live line


class Progress:
    """Live progress on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(markup=False, highlight=False)
        self._live: Live | None = None
        self._said = 0.0

    def say(self, line: str, style: str = "") -> None:
        """Print one line."""
        self.console.print(Text(line, style), soft_wrap=True)
        self._said = time.monotonic()

    def stage_began(self, title: str, cells: int, expected: list[dict[str, Any]]) -> None:
        """Begin a stage of `cells` cells; `expected` are earlier statuses of it and of those that follow."""
        self._title, self._cells, self._ended = title, cells, 0
        self._began = self._cell_began = time.monotonic()
        self._now, self._later = expected[0], expected[1:]
        if self.console.is_terminal:
            self._live = Live(console=self.console, transient=True, get_renderable=lambda: Text(self._line()))
            self._live.start()
        else:
            self.say(self._line())

    def cells_ended(self, count: int) -> None:
        """Note how many cells ended so far."""
        if count != self._ended:
            self._ended, self._cell_began = count, time.monotonic()
        if self._live is None and time.monotonic() - self._said >= PLAIN_EVERY:
            self.say(self._line())

    def stage_ended(self, title: str, status: dict[str, Any]) -> None:
        """End the stage: one line with its status, its time and, if it failed, where and why."""
        self.stop()
        if status.get("reused_from"):
            self.say(f"{title}: ok, nothing changed: reused from {status['reused_from']}", "green")
        elif status["status"] == "ok":
            self.say(f"{title}: ok in {clock(status['seconds'])}, {status['peak_mb'] / 1024:.1f} GB", "green")
        else:
            cell = f" in cell {status['cell']}" if status.get("cell") else ""
            self.say(f"{title}: {status['status']}{cell}: {status['error']}", "bold red")

    def stop(self) -> None:
        """Take the live line away."""
        if self._live:
            self._live.stop()
            self._live = None

    def _line(self) -> str:
        at = f"{self._title}: cell {min(self._ended + 1, self._cells)}/{self._cells}"
        left = self.left()
        tail = f", about {clock(left)} left" if left is not None else ""
        return f"{at}, {clock(time.monotonic() - self._began)} elapsed{tail}"

    def left(self) -> float | None:
        """Seconds that are left of the run, None where nothing is known of a stage still to come."""
        known: list[Any] = [status.get("seconds") for status in (self._now, *self._later)]
        if None in known:
            return None
        cells = list(self._now.get("cell_seconds", {}).values())
        if self._ended and len(cells) == self._cells:
            here = sum(cells[self._ended :]) - min(time.monotonic() - self._cell_began, sum(cells[self._ended :][:1]))
        else:
            here = known[0] - (time.monotonic() - self._began)
        return max(here, 0.0) + sum(known[1:])


def clock(seconds: float) -> str:
    """A duration as a person writes it: 40 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

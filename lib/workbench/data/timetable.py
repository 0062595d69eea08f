"""The timetable: which weeks a model may learn from, and which weeks it is judged by."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

SHORTEST = 4  # weeks: one each to learn from, to validate, to tune and to test on


class TimetableError(ValueError):
    """A window that would let a model see the weeks it is judged by."""


class Window(NamedTuple):
    """Weeks that something is fitted on (1 … fit_until) and weeks that it is judged by (label_from … label_until)."""

    fit_until: int
    label_from: int
    label_until: int


def check_window(fit_until: int, label_from: int, name: str = "a model") -> None:
    """Raise TimetableError if the weeks to fit on reach into the weeks of the labels."""
    if fit_until >= label_from:
        raise TimetableError(
            f"{name} is fitted on weeks up to {fit_until} but labelled from week {label_from}: end the fit before it"
        )


@dataclass(frozen=True)
class Timetable:
    """Last week of each part, the one place where cuts in time are set.

    Raises:
        TimetableError: the parts overlap or run backwards.

    """

    text_train: int
    text_valid: int
    fusion_fit: int
    fusion_label: int
    test_fit: int
    test_label: int

    def __post_init__(self) -> None:
        for part in fields(self):
            if not isinstance(getattr(self, part.name), int) or getattr(self, part.name) < 1:
                raise TimetableError(f"timetable: {part.name} must be a week number from 1, not {self.week(part.name)}")
        for name, window in self.windows().items():
            check_window(window.fit_until, window.label_from, f"timetable: {name}")
            if window.label_until < window.label_from:
                raise TimetableError(f"timetable: {name} has no label weeks after week {window.label_from - 1}")
        if self.text_valid > self.fusion_fit or self.fusion_label > self.test_fit:
            raise TimetableError("timetable: text_valid <= fusion_fit and fusion_label <= test_fit must hold")

    def week(self, part: str) -> int:
        """Last week of a part by its name."""
        return getattr(self, part)

    def windows(self) -> dict[str, Window]:
        """The windows by use: `text` (train, valid), `text_test`, `fusion` and the final `test`."""
        return {
            "text": Window(self.text_train, self.text_train + 1, self.text_valid),
            "text_test": Window(self.text_valid, self.text_valid + 1, self.fusion_label),
            "fusion": Window(self.fusion_fit, self.fusion_fit + 1, self.fusion_label),
            "test": Window(self.test_fit, self.test_fit + 1, self.test_label),
        }

    def splits(self) -> dict[str, tuple[int, int]]:
        """First and last week of the text model's pairs: its test ends before the final test weeks begin."""
        text, test = self.windows()["text"], self.windows()["text_test"]
        return {"train": (1, text.fit_until), "valid": text[1:], "test": test[1:]}

    def to_dict(self) -> dict[str, int]:
        """The parts and their last weeks."""
        return asdict(self)

    @classmethod
    def from_dict(cls, weeks: dict[str, int]) -> "Timetable":
        """Read the parts from a mapping; an unknown or missing part is an error that names it."""
        wanted = {part.name for part in fields(cls)}
        if wrong := wanted ^ set(weeks):
            raise TimetableError(f"timetable: unknown or missing {', '.join(sorted(wrong))}; it has {sorted(wanted)}")
        return cls(**weeks)

    @classmethod
    def spread(cls, weeks: int) -> "Timetable | None":
        """A timetable for a log of so many weeks: about a tenth of them each for valid, for tuning and for the test.

        None for a log of fewer than `SHORTEST` weeks: it has no room for the four parts.
        """
        if weeks < SHORTEST:
            return None
        test_fit = min(max(3, round(weeks * 48 / 53)), weeks - 1)
        fusion_fit = min(max(2, round(weeks * 43 / 53)), test_fit - 1)
        text_train = min(max(1, round(weeks * 38 / 53)), fusion_fit - 1)
        return cls(text_train, fusion_fit, fusion_fit, test_fit, test_fit, weeks)

    @classmethod
    def from_json(cls, path: Path | str) -> "Timetable":
        """Read the timetable that stage 01 handed on."""
        return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))

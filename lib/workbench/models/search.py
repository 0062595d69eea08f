"""Hyper-parameters by trying: Optuna over the ranges that a profile names, resumable, with bad trials cut short.

A range is a list of choices, or {low, high} with whole numbers or decimals, `log: true` for a scale of factors and
`step` for a grid:

    search:
      learning_rate: {low: 1.0e-5, high: 3.0e-4, log: true}
      frozen_layers: [0, 3]
      rank: {low: 4, high: 32, step: 4}
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from transformers import TrainerCallback

from workbench.models.loop import Diverged
from workbench.spelling import nearest

if TYPE_CHECKING:
    import optuna

Ranges = Mapping[str, Any]
PARTS = {"low", "high", "log", "step"}
START_UP = 5  # trials before the sampler learns from them, and before any is cut short


class SearchError(ValueError):
    """A range or a parameter that cannot be searched; the message says which, and how to write it."""


class Pruning(TrainerCallback):
    """Shows a trial each evaluation of its training, and ends it where half of the others were better by then."""

    def __init__(self, trial: "optuna.Trial", better: str) -> None:
        self.trial, self.better = trial, better

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Report the number, and end the training where it is behind."""
        import optuna

        self.trial.report(given["metrics"][f"eval_{self.better}"], state.global_step)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def check(ranges: Ranges, known: Mapping[str, Any]) -> None:
    """See that every range can be searched, before anything is trained.

    Args:
        ranges: as above.
        known: the parameters that may be searched, with their values.

    Raises:
        SearchError: an unknown parameter, or a range that is none.

    """
    for name, chosen in ranges.items():
        if name not in known:
            raise SearchError(
                f"search names {name!r}, which is no parameter that can be searched{nearest(name, known)}: "
                f"use {', '.join(known)}."
            )
        if isinstance(chosen, list):
            if len(chosen) < 2:
                raise SearchError(f"search: {name} has {len(chosen)} choice, and needs two or more.")
            continue
        if not isinstance(chosen, Mapping) or not {"low", "high"} <= set(chosen) <= PARTS:
            raise SearchError(
                f"search: {name} is {chosen!r}; write a list of choices, or {{low: …, high: …}} with log or step."
            )
        if not chosen["low"] < chosen["high"] or (chosen.get("log") and (chosen["low"] <= 0 or "step" in chosen)):
            raise SearchError(
                f"search: {name} goes from {chosen['low']} to {chosen['high']}: low has to be below high, and with log "
                "above 0 and without a step."
            )


def search(
    ranges: Ranges,
    run: Callable[[dict[str, Any], "optuna.Trial"], float],
    *,
    trials: int,
    storage: str | Path,
    seed: int,
    question: str = "",
) -> "optuna.Study":
    """Run trials until there are `trials`, and return the study; those that an earlier call finished count.

    Args:
        ranges: as above, checked.
        run: trains with the parameters drawn and returns what is to become small, on valid; the trial is for `Pruning`.
        trials: in all.
        storage: a SQLite file that keeps what was found; a trial that a kill broke off is run again.
        seed: of the draws; each rests on the trials before it alone, so that a search that was broken off and went on
            ends as one that was not.
        question: what else the values rest on (data, budget, method): trials of another question do not count.

    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    name = sha256(f"{question} {ranges}".encode()).hexdigest()[:16]
    study = optuna.create_study(
        study_name=name, storage=f"sqlite:///{Path(storage).resolve()}", load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(START_UP),
    )  # fmt: skip
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
    while (done := len(_finished(study))) < trials:
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=START_UP, seed=seed + done)
        study.optimize(lambda trial: _run(run, _drawn(trial, ranges), trial), n_trials=1)
    return study


def table(study: "optuna.Study") -> pd.DataFrame:
    """A row a trial, the best first: its parameters, the value, and whether it was cut short; empty where none ran."""
    rows = [
        {"trial": trial.number, **trial.params, "value": trial.value, "cut short": trial.state.name == "PRUNED"}
        for trial in _finished(study)
    ]
    return pd.DataFrame(rows).sort_values(["cut short", "value"], ignore_index=True) if rows else pd.DataFrame()


def importance(study: "optuna.Study", seed: int) -> pd.Series:
    """The share of the value's variance that each parameter explains (fANOVA, Hutter et al. 2014), largest first.

    Empty where fewer than two trials reached their end, or all with the same value: then nothing can be told.
    """
    import optuna

    complete = [trial for trial in _finished(study) if trial.state.name == "COMPLETE"]
    if len({trial.value for trial in complete}) < 2:
        return pd.Series(dtype=float)
    shares = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed)
    )
    return pd.Series(shares, dtype=float)


def _run(run: Callable[[dict[str, Any], "optuna.Trial"], float], drawn: dict[str, Any], trial: "optuna.Trial") -> float:
    """A training that becomes infinite is a trial cut short, from which the next ones learn."""
    import optuna

    try:
        return run(drawn, trial)
    except Diverged as error:
        raise optuna.TrialPruned(str(error)) from error


def _drawn(trial: "optuna.Trial", ranges: Ranges) -> dict[str, Any]:
    return {name: _one(trial, name, chosen) for name, chosen in ranges.items()}


def _one(trial: "optuna.Trial", name: str, chosen: Any) -> Any:
    if isinstance(chosen, list):
        return trial.suggest_categorical(name, chosen)
    low, high, log = chosen["low"], chosen["high"], bool(chosen.get("log"))
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, step=chosen.get("step", 1), log=log)
    return trial.suggest_float(name, low, high, step=chosen.get("step"), log=log)


def _finished(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in ("COMPLETE", "PRUNED")]

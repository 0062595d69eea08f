"""Where the curve of a training goes as it grows: TensorBoard, Weights & Biases (offline) or MLflow (a SQLite file).

All of it lies below one folder, and nobody is asked: no account, no network. A training's run ends with it, as failed
if it failed. One that goes on from a checkpoint has its run begun anew with the curve up to there, which the checkpoint
remembers: a kill neither loses a step nor doubles one.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState

from workbench.models.saving import saving
from workbench.spelling import nearest

TRACKED = ("loss", "learning_rate", "grad_norm")  # and all that begins with eval_
PROJECT = "ecommerce-workbench"  # W&B's project, MLflow's experiment
Write = Callable[[int, Mapping[str, float]], None]  # step, numbers


class TrackingError(ValueError):
    """An unknown tracker, or one whose package is not installed; the message says what to do."""


@dataclass(frozen=True)
class Tracker:
    """What keeps the curves of trainings, where, and under what name.

    Args:
        kind: "tensorboard", "wandb", "mlflow" or "none".
        folder: for the curves alone: a run replaces what lies in it under the same name.
        settings: what is recorded beside the curve.
        run: name of one training.

    Raises:
        TrackingError: there is no such tracker, its package is missing, or it cannot write in this folder.

    """

    kind: str
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    run: str = "training"

    def __post_init__(self) -> None:
        if self.kind not in OPENED:
            raise TrackingError(
                f"There is no tracker {self.kind!r}{nearest(self.kind, OPENED)}: use {', '.join(OPENED)}."
            )
        if self.kind in ("wandb", "mlflow") and find_spec(self.kind) is None:
            raise TrackingError(
                f"The package of the tracker {self.kind!r} is missing: pip install 'ecommerce-workbench[tracking]', "
                "or use tensorboard."
            )
        if self.kind == "mlflow" and {"?", "%"} & {*str(self.folder.resolve())}:
            raise TrackingError(f"MLflow takes no folder with ? or % in its path ({self.folder}): use tensorboard.")

    def of(self, run: str, **settings: Any) -> "Tracker":
        """The same for one training, with more settings beside its curve."""
        return replace(self, run=run, settings={**self.settings, **settings})

    @contextmanager
    def recording(self, **settings: Any) -> Iterator["Curve"]:
        """A run that ends with the block, as failed if an error leaves the block; what it gives is the Trainer's.

        Raises:
            SaveError: the curve cannot be written.

        """
        inside: BaseException | None = None
        try:
            with OPENED[self.kind](self.folder.resolve(), self.run, {**self.settings, **settings}) as write:
                try:
                    yield Curve(self._saving(write))
                except BaseException as error:
                    inside = error
                    raise
        except OSError as error:
            if error is inside:  # of the training: it is told as it is
                raise
            with saving("The curve", self.folder):
                raise

    def _saving(self, write: Write) -> Write:
        def saved(step: int, numbers: Mapping[str, float]) -> None:
            with saving("The curve", self.folder):
                write(step, numbers)

        return saved


class Curve(TrainerCallback):
    """Hands on each number of a Trainer's log once, those before its checkpoint first."""

    def __init__(self, write: Write):
        self.write, self.written = write, 0

    def follow(self, state: TrainerState) -> None:
        """Write what the log holds by now."""
        for row in state.log_history[self.written :]:
            if numbers := _numbers(row):
                self.write(int(row["step"]), numbers)
        self.written = len(state.log_history)

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """What the checkpoint remembers."""
        self.follow(state)

    def on_log(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """What has just been logged."""
        self.follow(state)


def _numbers(row: Mapping[str, float]) -> dict[str, float]:
    """The numbers of a row of the log as train/… and eval/…, which is how all three group them in panels."""
    train = {f"train/{name}": float(row[name]) for name in TRACKED if name in row}
    judged = {f"eval/{name[5:]}": float(value) for name, value in row.items() if name.startswith("eval_")}
    return train | judged


@contextmanager
def _none(folder: Path, run: str, settings: Mapping[str, Any]) -> Iterator[Write]:
    yield lambda step, numbers: None


@contextmanager
def _tensorboard(folder: Path, run: str, settings: Mapping[str, Any]) -> Iterator[Write]:
    from torch.utils.tensorboard import SummaryWriter  # a second to import, and only a training needs it

    with SummaryWriter(str(_emptied(folder / run))) as writer:
        writer.add_text("settings", "\n".join(f"    {name}: {value}" for name, value in settings.items()))

        def write(step: int, numbers: Mapping[str, float]) -> None:
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)
            writer.flush()  # to be seen now; and a full disk is noticed here

        yield write


@contextmanager
def _wandb(folder: Path, run: str, settings: Mapping[str, Any]) -> Iterator[Write]:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # which looks for a network even offline
    os.environ.setdefault("WANDB_CACHE_DIR", str(folder / "cache"))  # else its log lies in the user's home
    import wandb

    quiet = wandb.Settings(
        mode="offline", host="", root_dir=str(_emptied(folder / run)), silent=True, console="off",
        # what says whose machine this is, and where, is not for a file that may be uploaded
        x_disable_meta=True, x_disable_machine_info=True, x_disable_stats=True, x_save_requirements=False,
        disable_git=True, disable_code=True,
    )  # fmt: skip
    made = wandb.init(project=PROJECT, name=run, config=dict(settings), settings=quiet, reinit="create_new")
    with made:  # ends it with exit code 1 after an error
        yield lambda step, numbers: made.log(dict(numbers), step=step)


@contextmanager
def _mlflow(folder: Path, run: str, settings: Mapping[str, Any]) -> Iterator[Write]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # that it makes tables is no news
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    known = client.get_experiment_by_name(PROJECT)
    place = (folder / "artifacts").as_uri()
    experiment = known.experiment_id if known else client.create_experiment(PROJECT, artifact_location=place)
    for earlier in client.search_runs([experiment]):
        if earlier.info.run_name == run:
            client.delete_run(earlier.info.run_id)
    made = client.create_run(experiment, run_name=run).info.run_id
    client.log_batch(made, params=[Param(name, str(value)) for name, value in settings.items()])

    def write(step: int, numbers: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        named = {name.replace("@", " at "): value for name, value in numbers.items()}  # it takes no @
        client.log_batch(made, [Metric(name, value, now, step) for name, value in named.items()])

    try:
        yield write
    except BaseException:
        client.set_terminated(made, "FAILED")
        raise
    client.set_terminated(made)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


OPENED: Mapping[str, Callable[..., Any]] = {
    "tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow, "none": _none,
}  # fmt: skip
"""What opens a run of each kind: folder, name and settings in, a context with what writes a step's numbers out."""
UNTRACKED = Tracker("none", Path())

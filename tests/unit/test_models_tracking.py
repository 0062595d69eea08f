"""Curves of trainings, read back with each tracker's own reader."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_models_training import tune
from transformers import TrainerState

from workbench.models import base, tracking
from workbench.models.loop import TrainingError
from workbench.models.tracking import Tracker, TrackingError

KINDS = ("tensorboard", "wandb", "mlflow")
SETTINGS = {"learning_rate": "0.001", "seed": "7", "steps": "42", "precision": "fp32", "of": "a test"}
Points = dict[str, dict[int, float]]  # name → step → value


def of_tensorboard(folder: Path, run: str) -> tuple[Points, dict[str, str], str]:
    """Curve, settings and status: the events know no status."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    [file] = (folder / run).iterdir()
    events = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
    names = events.Tags()["scalars"]
    found = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in names}
    [text] = events.Tensors("settings/text_summary")
    settings = re.findall(r"(?m)^ {4}(\w+): (.*)$", text.tensor_proto.string_val[0].decode())
    return once(found), dict(settings), ""


def of_wandb(folder: Path, run: str) -> tuple[Points, dict[str, str], str]:
    [file] = (folder / run / "wandb").glob("offline-run-*/run-*.wandb")
    records, summary = (
        subprocess.run(
            [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *how, str(file)],
            capture_output=True, text=True, check=True,
        ).stdout
        for how in ([], ["--summary"])
    )  # fmt: skip
    found: dict[str, list] = {}
    for record in map(json.loads, records.splitlines()):
        if record["type"] == "history":
            for name, value in record["history"]["item"].items():
                if "/" in name:
                    found.setdefault(name, []).append((record["history"]["step"]["num"], float(value)))
    told = json.loads(summary)
    settings = {name: str(value) for name, value in told["config"].items()}
    return once(found), settings, told["state"]


def of_mlflow(folder: Path, run: str) -> tuple[Points, dict[str, str], str]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ecommerce-workbench")
    assert experiment.artifact_location == (folder / "artifacts").as_uri()
    [mine] = [each for each in client.search_runs([experiment.experiment_id]) if each.info.run_name == run]
    found = {
        name.replace(" at ", "@"): [(m.step, m.value) for m in client.get_metric_history(mine.info.run_id, name)]
        for name in mine.data.metrics
    }
    return once(found), mine.data.params, mine.info.status


def once(found: dict[str, list[tuple[int, float]]]) -> Points:
    """Each step once, or the curve is doubled."""
    assert all(len(points) == len(dict(points)) for points in found.values())
    return {name: dict(points) for name, points in found.items()}


READ = {"tensorboard": of_tensorboard, "wandb": of_wandb, "mlflow": of_mlflow}
ENDED = {"tensorboard": "", "wandb": "finished", "mlflow": "FINISHED"}
FAILED = {"tensorboard": "", "wandb": "failed", "mlflow": "FAILED"}


def points(curve) -> Points:
    """A TrainResult's curve, as it should stand in a tracker."""
    names = {name: f"train/{name}" for name in ("loss", "learning_rate", "grad_norm")}
    names |= {name: f"eval/{name[5:]}" for name in curve if name.startswith("eval_")}
    steps = curve.set_index("step")
    return {shown: steps[name].dropna().to_dict() for name, shown in names.items()}


def assert_same(found: Points, wanted: Points) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name] == pytest.approx(values, rel=1e-6), name  # TensorBoard keeps 32 bits


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One for all trackers and trainings of this process, as a stage has one."""
    return tmp_path_factory.mktemp("a stage") / "tracking"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return tune(tmp_path_factory.mktemp("unbroken"))[1].curve


@pytest.mark.parametrize("kind", KINDS)
def test_the_tracker_holds_the_curve_and_the_settings(kind, folder, tmp_path, unbroken, monkeypatch):
    tracker = Tracker(kind, folder, {"of": "a test"})
    _, result = tune(tmp_path, tracker=tracker.of("adapted"))
    curve, settings, status = READ[kind](folder, "adapted")
    assert_same(curve, points(result.curve))
    assert len(curve["train/loss"]) == len(result.curve)
    assert SETTINGS.items() <= settings.items()
    assert status == ENDED[kind]
    assert points(result.curve) == points(unbroken)  # being watched changes nothing
    monkeypatch.setattr("transformers.Trainer.train", lambda *a, **k: pytest.fail("it trained again"))
    tune(tmp_path, tracker=tracker.of("adapted"))  # it had ended: the checkpoint alone remembers the curve
    curve, _, status = READ[kind](folder, "adapted")
    assert_same(curve, points(unbroken))
    assert status == ENDED[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_fails_leaves_a_run_that_ended_and_reads(kind, folder, tmp_path):
    model = base.load_classifier("tiny", seed=5)
    model.classifier.weight.register_hook(Failing(after=10))
    with pytest.raises(TrainingError, match="infinite or NaN at step 11"):
        tune(tmp_path, model=model, tracker=Tracker(kind, folder).of("failed"))
    curve, settings, status = READ[kind](folder, "failed")
    assert sorted(curve["train/loss"]) == [*range(1, 12)]  # the step that the error names is the last
    assert settings["learning_rate"] == "0.001"
    assert status == FAILED[kind]


class Failing:
    """Lets gradients become infinite after some steps."""

    def __init__(self, after: int):
        self.left = after

    def __call__(self, gradient):
        self.left -= 1
        return gradient * (1 if self.left >= 0 else float("inf"))


TRAINING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import workbench.models.training as training
from test_models_training import tune
from workbench.models.tracking import Tracker

step = training.BatchTrainer.training_step
def killed(self, *a, **k):
    if self.state.global_step == 25:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *a, **k)
if sys.argv[1] == "killed":
    training.BatchTrainer.training_step = killed
tune(Path({folder!r}) / "checkpoint", tracker=Tracker({kind!r}, Path({folder!r}) / "tracking").of("mlm"))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed_the_curve_is_whole_and_nothing_lies_elsewhere(kind, tmp_path, unbroken):
    here, home, stage = (tmp_path / name for name in ("here", "home", "stage"))
    here.mkdir()
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG", "WANDB", "MLFLOW"))}
    environment |= {"HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    script = TRAINING.format(tests=str(Path(__file__).parent), folder=str(stage), kind=kind)
    command = [sys.executable, "-c", script]
    broken = subprocess.run(
        [*command, "killed"], cwd=here, env=environment, capture_output=True, text=True, check=False
    )
    assert (broken.returncode, broken.stdout, broken.stderr) == (-signal.SIGKILL, "", "")
    whole = subprocess.run([*command, "go on"], cwd=here, env=environment, capture_output=True, text=True, check=False)
    assert (whole.returncode, whole.stdout, whole.stderr) == (0, "", "")
    curve, _, status = READ[kind](stage / "tracking", "mlm")
    assert_same(curve, points(unbroken))
    assert status == ENDED[kind]
    assert not [*here.rglob("*"), *home.rglob("*")]
    assert {path.name for path in stage.iterdir()} == {"checkpoint", "tracking"}


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_numbers_of_every_kind_pass(kind, folder):
    state = TrainerState()
    state.log_history = [{"eval_recall@10": math.nan, "step": 4}, {"eval_recall@10": 0.5, "epoch": 1.0, "step": 8}]
    with Tracker(kind, folder).of("numbers").recording() as curve:
        curve.follow(state)
    found, _, _ = READ[kind](folder, "numbers")
    assert list(found) == ["eval/recall@10"]
    assert math.isnan(found["eval/recall@10"][4])
    assert found["eval/recall@10"][8] == 0.5


def test_none_writes_nothing(tmp_path):
    with Tracker("none", tmp_path / "tracking").recording() as curve:
        curve.follow(TrainerState(log_history=[{"loss": 1.0, "step": 1}]))
    assert not list(tmp_path.iterdir())


def test_an_unknown_tracker_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(TrackingError, match=r"no tracker 'mlfow', did you mean 'mlflow'\?: use tensorboard, wandb, "):
        Tracker("mlfow", tmp_path)


@pytest.mark.parametrize("kind", ["wandb", "mlflow"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(TrackingError, match=rf"'{kind}' is missing: pip install 'ecommerce-workbench\[tracking\]'"):
        Tracker(kind, tmp_path)
    Tracker("tensorboard", tmp_path)


@pytest.mark.parametrize("name", ["what?", "100%"])
def test_a_folder_that_mlflow_would_misread_is_refused(name, tmp_path):
    with pytest.raises(TrackingError, match=r"MLflow takes no folder with \? or % in its path"):
        Tracker("mlflow", tmp_path / name)

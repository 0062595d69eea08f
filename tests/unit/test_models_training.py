import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from workbench.governance.access import keys
from workbench.governance.access.checkpoints import SealedCheckpoints
from workbench.governance.access.kms import Tampered
from workbench.governance.access.vault import Vault
from workbench.models import base, loop, methods, training
from workbench.models.checkpoints import MARK, last_checkpoint, training_folder
from workbench.models.device import choose_device
from workbench.models.finetuning import BINARY, PLAIN, fine_tune, task_loss, training_batches
from workbench.models.loop import Diverged, TrainingError, TrainSettings
from workbench.models.methods import Adaptation
from workbench.models.saving import SaveError, saving
from workbench.models.tracking import UNTRACKED
from workbench.models.training import train

WORDS = ["milk", "bread", "apples", "cheese", "rice", "beans", "coffee", "tea", "soup", "pasta", "eggs", "butter"]


def toy_pairs(rows: int, seed: int) -> pd.DataFrame:
    """A pair is positive if its candidate stands in the context."""
    rng = np.random.default_rng(seed)
    contexts = [list(rng.choice(WORDS, 3, replace=False)) for _ in range(rows)]
    candidates = [rng.choice(c if rng.random() < 0.5 else WORDS) for c in contexts]
    return pd.DataFrame(
        {
            "context": ["; ".join(c) for c in contexts],
            "candidate": candidates,
            "label": [int(b in a) for a, b in zip(contexts, candidates, strict=True)],
            "weight": 1.0,
            "user_id": np.arange(rows).astype(str),
        }
    )


def tune(
    folder: Path, *, device=None, model=None, pairs=None, valid=None, tracker=UNTRACKED, adaptation=PLAIN, **settings
):
    device = device or choose_device("fp32", threads=1)
    tokenizer = base.load_tokenizer("tiny")
    model = model or base.load_classifier("tiny", seed=5)
    batches = training_batches(
        tokenizer,
        toy_pairs(400, 1) if pairs is None else pairs,
        max_tokens=6000,
        batch_tokens=256,
        use_weights=False,
        seed=3,
    )
    chosen = TrainSettings(**{"learning_rate": 1e-3, "evaluations": 4, "patience": 4, "seed": 7, **settings})
    how = {"settings": chosen, "device": device, "checkpoints": folder, "tracker": tracker}
    valid = toy_pairs(120, 2) if valid is None else valid
    result = fine_tune(model, tokenizer, batches, valid, adaptation=adaptation, **how)
    return model, result


def weights(model) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    model, result = tune(tmp_path_factory.mktemp("unbroken"))
    return weights(model), result


def test_the_curve_counts_steps_and_tokens(unbroken):
    _, result = unbroken
    assert result.curve["step"].iloc[-1] == result.steps
    assert result.curve["tokens"].iloc[-1] == result.tokens >= 6000
    assert result.curve["eval_log_loss"].notna().sum() == 4
    assert result.best == result.curve["eval_log_loss"].min()


def test_the_same_seed_gives_the_same_weights(unbroken, tmp_path):
    model, _ = tune(tmp_path)
    assert_equal(weights(model), unbroken[0])


def sealed(folder: Path) -> SealedCheckpoints:
    """Checkpoints under lock, by keys that lie in the folder too."""
    return SealedCheckpoints(Vault(folder, keys.open_keys(folder / "owner.json")), folder / "checkpoint")


@pytest.mark.parametrize("where", ["folder / 'checkpoint'", "sealed(folder)"])
def test_killed_and_resumed_ends_with_the_weights_of_the_unbroken(unbroken, tmp_path, where):
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import torch, workbench.models.training as t\n"
        "from pathlib import Path\n"
        "from test_models_training import sealed, tune, weights\n"
        "from safetensors.torch import save_file\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "if sys.argv[1] == 'slow':\n"  # as on a slow machine: time to be killed between two checkpoints
        "    import time; step = t.BatchTrainer.training_step\n"
        "    def slow(self, *a, **k):\n"
        "        if self.state.global_step > 9: time.sleep(0.5)\n"
        "        return step(self, *a, **k)\n"
        "    t.BatchTrainer.training_step = slow\n"
        f"model, result = tune({where})\n"
        "save_file({name: w.contiguous() for name, w in weights(model).items()}, folder / 'weights.safetensors')\n"
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", script]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(scratch)}
    broken = subprocess.Popen([*command, "slow"], env=environment)
    deadline = time.monotonic() + 60
    while last_checkpoint_step(tmp_path) is None:
        assert broken.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "no checkpoint within a minute"
        time.sleep(0.05)
    time.sleep(0.8)
    broken.send_signal(signal.SIGKILL)
    assert broken.wait() == -signal.SIGKILL
    half = tmp_path / "checkpoint" / "checkpoint-999"  # what a kill in the middle of writing leaves
    half.mkdir()
    if "sealed" in where:
        assert list(scratch.iterdir())  # plain ones lie here while it trains
        left = [path for path in (tmp_path / "checkpoint").rglob("*") if path.is_file()]
        assert {path.suffix for path in left if path.name != "keys.json"} <= {".sealed", ".part"}
        assert not any(b"adam" in path.read_bytes() or b"encoder" in path.read_bytes() for path in left)
        sealed(tmp_path).keep("checkpoint-999/optimizer.pt", b"half")
        (half / ".model.safetensors.sealed.1.part").touch()
    else:
        (half / "trainer_state.json").write_text('{"epoch": 0.')
    subprocess.run([*command, "go on"], env=environment, check=True)
    assert not half.exists()
    assert not [path for path in scratch.iterdir() if path.name.startswith("workbench-")]
    assert_equal(load_file(tmp_path / "weights.safetensors"), unbroken[0])


def last_checkpoint_step(folder: Path) -> str | None:
    return next((str(p) for p in (folder / "checkpoint").glob("checkpoint-*/trainer_state.json*")), None)


def test_sealed_checkpoints_of_a_training_that_had_ended(unbroken, tmp_path, monkeypatch):
    tune(sealed(tmp_path))
    monkeypatch.setattr("transformers.Trainer.train", lambda *a, **k: pytest.fail("it trained again"))
    model, result = tune(sealed(tmp_path))
    assert_equal(weights(model), unbroken[0])
    pd.testing.assert_frame_equal(result.curve, unbroken[1].curve)
    assert len({name.partition("/")[0] for name in sealed(tmp_path).names()} - {MARK}) == 2  # the best and the last
    monkeypatch.undo()
    other = weights(tune(sealed(tmp_path), learning_rate=5e-4)[0])
    assert not all(torch.equal(other[name], unbroken[0][name]) for name in other)


def test_a_sealed_checkpoint_that_was_altered_ends_the_training(tmp_path):
    tune(sealed(tmp_path))
    path = next((tmp_path / "checkpoint").glob("*/model.safetensors.sealed"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Tampered, match="does not decrypt"):
        tune(sealed(tmp_path))


def test_a_training_that_had_ended_is_not_trained_on(unbroken, tmp_path, monkeypatch):
    tune(tmp_path)
    monkeypatch.setattr("transformers.Trainer.train", lambda *a, **k: pytest.fail("it trained again"))
    model, result = tune(tmp_path)
    assert_equal(weights(model), unbroken[0])
    pd.testing.assert_frame_equal(result.curve, unbroken[1].curve)


class Stop(TrainerCallback):
    """Breaks a training off after some steps, as an interrupt from the keyboard does."""

    def on_step_end(self, _args, state, *_, **__):
        if state.global_step == 15:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stopped", [False, True])
def test_batches_that_other_processes_make_meanwhile_are_the_same(unbroken, tmp_path, monkeypatch, stopped):
    monkeypatch.setitem(loop.MAKERS, "cpu", 2)
    if stopped:
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path, adaptation=Adaptation([Stop()]))
        assert last_checkpoint(tmp_path)
    assert_equal(weights(tune(tmp_path)[0]), unbroken[0])


@pytest.mark.parametrize(("wrap", "packs"), [(None, True), (lambda optimizer: optimizer, False)])
def test_what_looks_at_each_row_reads_them_padded(tmp_path, monkeypatch, wrap, packs):
    packed = []
    monkeypatch.setattr(training, "without_padding", lambda *_: packed.append(True) or nullcontext())
    batches = training_batches(
        base.load_tokenizer("tiny"), toy_pairs(60, 1), max_tokens=500, batch_tokens=256, use_weights=False, seed=3
    )
    train(
        base.load_classifier("tiny"), batches, task_loss(BINARY), lambda _: {"loss": 0.0}, better="loss", wrap=wrap,
        settings=TrainSettings(evaluations=1), device=choose_device("fp32", 1), checkpoints=tmp_path,
    )  # fmt: skip
    assert bool(packed) is packs


def test_checkpoints_of_other_settings_are_not_resumed(tmp_path):
    tune(tmp_path, learning_rate=1e-3)
    first = weights(tune(tmp_path, learning_rate=5e-4)[0])
    assert_equal(first, weights(tune(tmp_path / "fresh", learning_rate=5e-4)[0]))


@pytest.mark.parametrize("there", ["notes.txt", "checkpoint-7/model.safetensors", "checkpoint-best/model.safetensors"])
@pytest.mark.parametrize("marked", [False, True])
def test_nothing_but_own_checkpoints_is_removed(tmp_path, there, marked):
    if marked:
        (tmp_path / MARK).write_text("another training")
    path = tmp_path / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("of somebody")
    if marked and "checkpoint-7" in there:  # of another training, and so no more of use
        assert training_folder(tmp_path, "this one") == tmp_path
        assert [*tmp_path.iterdir()] == [tmp_path / MARK]
        return
    said = rf"The checkpoints cannot lie in {tmp_path}, for it holds something else \({there.split('/')[0]}\): name a"
    with pytest.raises(SaveError, match=said):
        tune(tmp_path)
    assert path.read_text() == "of somebody"


def test_an_error_of_the_training_is_not_told_as_one_of_the_curve(tmp_path):
    class Reading(TrainerCallback):
        def on_step_end(self, *_, **__):
            (tmp_path / "not there").read_text()

    with pytest.raises(FileNotFoundError, match="not there"):
        tune(tmp_path / "checkpoint", adaptation=Adaptation([Reading()]))


def test_only_what_writing_fails_of_is_told_as_a_full_disk(tmp_path):
    for error in (RuntimeError("Connection closed by peer"), torch.OutOfMemoryError("CUDA out of memory")):
        with pytest.raises(type(error), match=str(error)), saving("The model", tmp_path):
            raise error
    with pytest.raises(SaveError, match="The model could not be written to"), saving("The model", tmp_path):
        torch.save({}, tmp_path / "no such folder" / "optimizer.pt")


@pytest.mark.parametrize("other", ["rows", "labels", "weights"])
def test_checkpoints_that_other_rows_chose_are_not_resumed(unbroken, tmp_path, other):
    tune(tmp_path)
    valid = toy_pairs(120, 9 if other == "rows" else 2)
    if other == "labels":
        valid["label"] = 1 - valid["label"]
    if other == "weights":
        valid["weight"] = np.linspace(1, 9, len(valid))
    judged = tune(tmp_path, valid=valid)[1].curve["eval_log_loss"].dropna()
    assert judged.iloc[-1] != unbroken[1].curve["eval_log_loss"].iloc[-1]
    np.testing.assert_array_equal(judged, tune(tmp_path / "fresh", valid=valid)[1].curve["eval_log_loss"].dropna())


def test_what_does_not_judge_does_not_make_it_another_training(tmp_path, monkeypatch):
    tune(tmp_path)
    monkeypatch.setattr("transformers.Trainer.train", lambda *a, **k: pytest.fail("it trained again"))
    tune(tmp_path, valid=toy_pairs(120, 2).assign(user_id="another"))


def test_checkpoints_of_other_frozen_layers_are_not_resumed(tmp_path):
    tune(tmp_path)
    frozen = base.load_classifier("tiny", seed=5)
    methods.adapt(frozen, "full", {"frozen_layers": 1})
    before = weights(frozen)
    tune(tmp_path, model=frozen)
    kept = {name for name, weight in weights(frozen).items() if torch.equal(weight, before[name])}
    lower = ("bert.embeddings.", "bert.encoder.layer.0.", "bert.pooler.")
    assert kept == {name for name in before if name.startswith(lower)}


def test_it_stops_early_and_keeps_the_best_weights(tmp_path):
    values = iter([3.0, 1.0, 2.0, 2.5, 0.1])
    seen = []
    batches = training_batches(
        base.load_tokenizer("tiny"), toy_pairs(200, 1), max_tokens=5000, batch_tokens=256,
        use_weights=False, seed=3,
    )  # fmt: skip

    def evaluate(model):
        seen.append(weights(model))
        return {"loss": next(values)}

    model = base.load_classifier("tiny")
    result = train(
        model, batches, task_loss(BINARY), evaluate, better="loss", settings=TrainSettings(evaluations=5, patience=2),
        device=choose_device("fp32", 1), checkpoints=tmp_path,
    )  # fmt: skip
    assert len(seen) == 4
    assert result.steps < len(batches)
    assert_equal(weights(model), seen[1])


@pytest.mark.parametrize(("where", "what"), [("loss", "loss"), ("gradient", "gradient")])
def test_nan_stops_with_a_sentence(where, what, tmp_path):
    model = base.load_classifier("tiny")
    if where == "loss":
        model.classifier.weight.data.fill_(float("nan"))
    else:
        model.classifier.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(Diverged, match=f"The {what} became infinite or NaN at step 1 of .* No checkpoint had been"):
        tune(tmp_path, model=model)


def hold_three_rows(model):
    """Let the memory be full where more rows than three are trained on at once."""
    forward = model.forward

    def limited(*args, **inputs):
        if model.training and len(inputs["input_ids"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*args, **inputs)

    model.forward = limited


def test_a_full_gpu_memory_halves_the_parts_and_goes_on(tmp_path):
    whole = base.load_classifier("tiny", seed=5)
    small = base.load_classifier("tiny", seed=5)
    for model in (whole, small):
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.config.attention_probs_dropout_prob = 0.0
    hold_three_rows(small)
    _, first = tune(tmp_path / "whole", model=whole, learning_rate=1e-4)
    _, second = tune(tmp_path / "small", model=small, learning_rate=1e-4)
    assert first.parts == 1
    assert second.parts >= 4
    losses = [result.curve["loss"].to_numpy() for result in (first, second)]
    np.testing.assert_allclose(*losses, rtol=2e-3)


class Full(TrainerCallback):
    """Has memory full at the first step of the optimizer, which makes its moments then."""

    def on_pre_optimizer_step(self, *_, optimizer, **__):
        optimizer.optimizer.step = full


def full(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_moments_that_do_not_fit_are_said(tmp_path):
    with pytest.raises(
        TrainingError, match="and the optimizer's moments do not fit into the GPU's memory: choose a sm"
    ):
        tune(tmp_path, adaptation=Adaptation([Full()]))


def test_a_text_that_does_not_fit_as_it_is_judged_is_said(tmp_path):
    model = base.load_classifier("tiny", seed=5)
    forward = model.forward
    model.forward = lambda **batch: forward(**batch) if model.training else full()
    with pytest.raises(TrainingError, match="One single text does not fit into the GPU's memory: shorten it"):
        tune(tmp_path, model=model)


class Slow(TrainerCallback):
    """As on a slow machine."""

    def on_step_begin(self, _args, state, *_, **__):
        time.sleep(0.5 if state.global_step == 5 else 0)


def test_seconds_and_parts_are_those_of_all_attempts(tmp_path):
    model = base.load_classifier("tiny", seed=5)
    hold_three_rows(model)
    with pytest.raises(KeyboardInterrupt):
        tune(tmp_path, model=model, adaptation=Adaptation([Slow(), Stop()]))
    resumed, ended = (tune(tmp_path)[1] for _ in range(2))
    assert resumed.parts == ended.parts >= 4
    assert resumed.seconds > 0.5
    assert ended.seconds == pytest.approx(resumed.seconds, rel=0.2)
    assert ended.tokens == resumed.tokens >= 6000


def test_it_learns_in_bf16(tmp_path):
    tokenizer, device = base.load_tokenizer("tiny"), choose_device("bf16", 1)
    liked, valid = (toy_pairs(rows, seed) for rows, seed in ((600, 1), (200, 2)))
    for pairs in (liked, valid):
        pairs["label"] = pairs["candidate"].isin(WORDS[::2]).astype(int)
    batches = training_batches(tokenizer, liked, max_tokens=20_000, batch_tokens=512, use_weights=True, seed=3)
    result = fine_tune(
        base.load_classifier("tiny", seed=1), tokenizer, batches, valid,
        settings=TrainSettings(learning_rate=3e-3, evaluations=2), device=device,
        checkpoints=tmp_path / "c",
    )  # fmt: skip
    assert result.curve["eval_roc_auc"].max() > 0.9
    assert result.curve["eval_log_loss"].notna().sum() == 2
    assert last_checkpoint(tmp_path / "c") is not None

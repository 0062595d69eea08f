"""One training in several processes: the same curve and weights as in one, and errors that come up as they were."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_models_training import WORDS, assert_equal, sealed, toy_pairs, weights
from transformers import AlbertConfig, BertConfig, TrainerCallback

from workbench import temporary
from workbench.models import base, methods, processes
from workbench.models.checkpoints import last_checkpoint
from workbench.models.compiled import CompileError
from workbench.models.device import choose_device
from workbench.models.finetuning import BINARY, fine_tune, training_batches
from workbench.models.loop import Diverged, TrainingError, TrainSettings
from workbench.models.pretraining import Amount, pretrain
from workbench.models.pretraining.material import Held
from workbench.models.private import Budget, PrivacyError, train_privately
from workbench.models.saving import SaveError
from workbench.models.search import Pruning
from workbench.models.tracking import UNTRACKED, Tracker
from workbench.models.training import _arguments

SETTINGS = TrainSettings(learning_rate=1e-3, evaluations=2, seed=7)
TEXTS = [f"{a} and {b} or {c}" for a in WORDS for b in WORDS for c in WORDS if len({a, b, c}) == 3]
PAIRS = pd.DataFrame({"context": [f"a list with {word} {n}" for word in WORDS for n in range(9)]})
PAIRS["candidate"] = [f"{word} of kind {n % 3}" for word in WORDS for n in range(9)]
NO_DROPOUT = BertConfig(**base.TINY, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
FOLDER = str(Path(__file__).parent)


def tuned(
    checkpoints, many=1, *, start=NO_DROPOUT, method="full", options=None, batch_tokens=256, max_tokens=2000, limit=0,
    settings=SETTINGS, callbacks=(),
):  # fmt: skip
    """A fine-tuning; `limit`: rows of a batch that the first process's memory takes."""
    device, tokenizer = choose_device("fp32", 1, processes=many), base.load_tokenizer("tiny")
    batches = training_batches(
        tokenizer, toy_pairs(200, 1), max_tokens=max_tokens, batch_tokens=batch_tokens, use_weights=True, seed=3
    )
    model = base.load_classifier(start, seed=5)
    adaptation = methods.adapt(model, method, options, steps=len(batches), seed=5)
    adaptation.callbacks.extend(callbacks)
    if limit and processes.number() == 0:
        model.forward = partial(limited, model.forward, model, limit)
    result = fine_tune(
        model, tokenizer, batches, toy_pairs(80, 2), adaptation=adaptation, settings=settings, device=device,
        checkpoints=checkpoints,
        tracker=Tracker("tensorboard", checkpoints, run="events") if isinstance(checkpoints, Path) else UNTRACKED,
    )  # fmt: skip
    return model, result


def limited(forward, model, limit, *given, **inputs):
    if model.training and len(inputs["input_ids"]) > limit:
        raise torch.OutOfMemoryError("CUDA out of memory")
    return forward(*given, **inputs)


def pretrained(checkpoints, objective, **settings):
    texts = Held(TEXTS[:300], TEXTS[300:330], TEXTS[330:360])
    pairs = Held(PAIRS[:80], PAIRS[80:94], PAIRS[94:])
    found = pretrain(
        objective, NO_DROPOUT, base.load_tokenizer("tiny"), pairs if objective == "contrastive" else texts,
        Amount(2500, 256, 3), settings=TrainSettings(learning_rate=1e-3, evaluations=2, **settings),
        device=choose_device("fp32", 1), checkpoints=checkpoints,
    )  # fmt: skip
    return found.model, found.result


COMPARED = {
    "mlm": partial(pretrained, objective="mlm"),
    "contrastive": partial(pretrained, objective="contrastive"),
    "activations twice": partial(pretrained, objective="mlm", gradient_checkpointing=True),
    "adalora": partial(tuned, method="adalora", options={"rank": 2}),
    "prefix": partial(tuned, method="prefix"),
    "a row a batch": partial(tuned, batch_tokens=8, max_tokens=300),
    "a full memory": partial(tuned, limit=3),
}
"""Trainings that are the same, however many processes there are."""


def keep(folder, name, model, result):
    save_file({key: value.contiguous() for key, value in weights(model).items()}, folder / f"{name}.safetensors")
    result.curve.to_csv(folder / f"{name}.csv", index=False)


def kept(folder, name):
    return pd.read_csv(folder / f"{name}.csv"), load_file(folder / f"{name}.safetensors")


def assert_same(one, other):
    """Two trainings' curves, and their weights but for what Adam makes of rounding."""
    pd.testing.assert_frame_equal(one[0], other[0], check_dtype=False, atol=1e-5, rtol=1e-4)
    assert one[1].keys() == other[1].keys()
    for name, weight in one[1].items():
        torch.testing.assert_close(other[1][name], weight, atol=1e-4, rtol=0)


def compare_all(folder: Path) -> None:
    """What each of two processes does: all of these trainings, and one that fails."""
    for name, training in COMPARED.items():
        model, result = training(folder / name)
        if processes.number() == 0:
            keep(folder, name, model, result)
        elif name == "a full memory":
            assert result.parts > 1, "the other process's memory was full, not this one's"
    with pytest.raises(TrainingError, match="The loss became infinite or NaN at step"):  # in both, or one would wait
        tuned(folder / "nan", settings=TrainSettings(learning_rate=1e30, clip=0.0, warmup=0.0))


@pytest.fixture(scope="module")
def by_two(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    processes.run(2, partial(compare_all, folder), 2)
    return folder


@pytest.mark.parametrize("name", COMPARED)
def test_two_processes_train_as_one(by_two, name, tmp_path):
    model, result = COMPARED[name](tmp_path)
    assert_same(kept(by_two, name), (result.curve, weights(model)))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    keep(folder, "alone", *tuned(folder / "checkpoint"))
    return folder


def test_a_notebook_starts_them_and_has_the_trained_model(alone, tmp_path):
    model, result = tuned(sealed(tmp_path), many=2, limit=3)
    assert_same(kept(alone, "alone"), (result.curve, weights(model)))
    assert not model.training
    assert result.parts > 1
    assert result.seconds > 0


SCRIPT = f"""
import sys; sys.path.insert(0, {FOLDER!r})
from pathlib import Path
import torch
from test_models_processes import keep, tuned
from workbench.models import processes
folder = Path(sys.argv[1])
model, result = tuned(folder / "checkpoint", many=2)  # there are two already: none is started
assert processes.count() == 2, processes.count()
if processes.number() == 0:
    keep(folder, "script", model, result)
"""


def test_a_script_by_torchrun(alone, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*command, tmp_path / "script.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_same(kept(alone, "alone"), kept(tmp_path, "script"))


def fails(how: str) -> None:
    """What each process does; the second one fails, and the first waits for it."""
    if processes.number() == 1 and how == "error":
        raise KeyError("no such thing")
    if processes.number() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    processes.wait()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("error", "^KeyError in a process of the training: 'no such thing'"),
        ("kill", r"^Process 2 of 2 of the training was ended by signal 9 \(out of memory\?\).$"),
    ],
)
def test_an_error_of_a_process_comes_up(how, said):
    with pytest.raises(processes.ProcessError, match=said) as raised:
        processes.run(2, partial(fails, how), 2)
    if how == "error":
        assert 'raise KeyError("no such thing")' in raised.value.__notes__[0]


@pytest.mark.parametrize(
    ("told", "kind", "said"),
    [
        (
            [("SaveError", 2.0, "Could not be written."), ("KeyError", 1.0, "'x'")],
            processes.ProcessError,
            "KeyError in a",
        ),
        ([("SaveError", 1.0, "Could not be written."), ("RuntimeError", 2.0, "closed")], SaveError, "^Could not be"),
        ([("Diverged", 2.0, "NaN. checkpoint-4 is kept"), ("Diverged", 1.0, "NaN.")], Diverged, "checkpoint-4 is kept"),
    ],
)
def test_the_earliest_error_is_the_reason(told, kind, said, tmp_path):
    for place, (name, at, text) in enumerate(told):
        report = {"at": at, "type": name, "text": text, "trace": ""}
        (tmp_path / f"error-{place}.json").write_text(json.dumps(report))
    with pytest.raises(kind, match=said):
        raise processes._reason(tmp_path, [1, 1], (SaveError, Diverged))


class Hinders(TrainerCallback):
    """Something stands where the second process is to write its random numbers."""

    def on_evaluate(self, args, state, control, **_):
        if processes.number() == 1:
            Path(args.output_dir, f"checkpoint-{state.global_step}", "rng_state_1.pth").mkdir(parents=True)


def test_a_checkpoint_that_another_process_cannot_write_is_told_as_such(tmp_path):
    with pytest.raises(SaveError, match=r"The checkpoint-\d+ could not be written to .* \(.*Is a directory\)"):
        tuned(tmp_path, many=2, callbacks=[Hinders()])
    assert not last_checkpoint(tmp_path)
    assert not [*tmp_path.glob("checkpoint-*")], "the half that was written takes room"


def test_a_model_that_cannot_be_compiled_is_told_by_its_processes(tmp_path):
    small = AlbertConfig(**base.TINY, embedding_size=16, vocab_size=30522)
    with pytest.raises(CompileError, match="The layers of a albert are not known"):
        tuned(tmp_path, many=2, start=small, settings=replace(SETTINGS, compile=True))


def test_a_search_has_one_process(tmp_path):
    with pytest.raises(TrainingError, match="A search trains in one process: set processes to 1"):
        tuned(tmp_path, many=2, callbacks=[Pruning(None, "log_loss")])


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_none_outlives_who_started_it(sent):
    script = (
        "import signal, time; from functools import partial; from workbench.models import processes\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background inherits deafness to it\n"
        "processes.run(2, partial(time.sleep, 600), 2)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (found := met(starter.pid)):
        assert starter.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    starter.send_signal(sent)
    assert starter.wait(20) != 0
    _, alive = psutil.wait_procs(found, 20)
    assert not alive
    temporary.sweep()


def met(starter: int) -> list[psutil.Process]:
    """The two processes that one has started, once they have met."""
    found = psutil.Process(starter).children()
    connected = [process for process in found if process.net_connections("tcp")]
    return found if len(connected) == 2 else []


class Breaks(TrainerCallback):
    """Breaks a training off some steps after its first checkpoint."""

    def on_step_end(self, args, state, control, **_):
        if state.global_step == args.save_steps + 2:
            raise TrainingError("broken off")


def test_a_broken_off_training_goes_on_as_if_it_had_not_been(tmp_path):
    """Each process draws its own dropout, which goes on where it was."""
    unbroken, _ = tuned(tmp_path / "unbroken", many=2, start="tiny")
    [curve] = (tmp_path / "unbroken" / "events").iterdir()  # one process writes it
    assert f".{os.getpid()}." not in curve.name, "written anew afterwards, so that all its steps have one time"
    (tmp_path / "broken").mkdir()
    with pytest.raises(TrainingError, match=r"^broken off checkpoint-[0-9]+ is kept in "):
        tuned(sealed(tmp_path / "broken"), many=2, start="tiny", callbacks=[Breaks()])
    assert any(name.endswith("rng_state_1.pth") for name in sealed(tmp_path / "broken").names())
    shutil.copytree(tmp_path / "broken", tmp_path / "alone")
    resumed, result = tuned(sealed(tmp_path / "broken"), many=2, start="tiny")
    assert_equal(weights(resumed), weights(unbroken))
    _, alone = tuned(sealed(tmp_path / "alone"), start="tiny")  # one process goes on where two were
    assert alone.steps == result.steps
    assert alone.curve["loss"].iloc[0] == result.curve["loss"].iloc[0]


def test_private_training_has_one_process():
    device = replace(choose_device("fp32", 1), processes=2)
    with pytest.raises(PrivacyError, match="one process"):
        train_privately(
            None, None, toy_pairs(64, 1), toy_pairs(64, 2), BINARY, Budget(8.0, 1e-5), steps=2, batch_rows=32,
            settings=SETTINGS, device=device, checkpoints="",
        )  # fmt: skip


def test_more_processes_than_gpus_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="processes is -1, but a training has one process at least"):
        choose_device("fp32", processes=-1)
    assert choose_device("fp32", processes=0).processes == 1  # no GPU: as many processes as a CPU needs
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="processes is 3, but this machine has 2 GPUs: use 0 for as many"):
        choose_device("fp32", processes=3)
    assert choose_device("fp32", processes=0).processes == 2
    assert "Training in 2 processes." in choose_device("fp32", processes=2).reason


def test_each_process_draws_dropout_of_its_own(monkeypatch, tmp_path):
    seeds = []
    for number in range(2):
        monkeypatch.setattr(processes, "number", lambda number=number: number)
        seeds.append(_arguments(tmp_path, 10, "loss", SETTINGS, choose_device("fp32", 1)).seed)
    assert seeds == [SETTINGS.seed, SETTINGS.seed + 1]


def test_a_share_stays_the_same_where_its_batches_are_made_by_another_process(monkeypatch):
    """As a worker of DataLoader is, which was started anew and has met nobody."""
    batch = {"scale": torch.ones(5), "input_ids": torch.arange(5)}
    with monkeypatch.context() as here:
        here.setattr(processes, "count", lambda: 2)
        here.setattr(processes, "number", lambda: 1)
        share = processes.Share([batch])
    there = pickle.loads(pickle.dumps(share))
    assert there[0]["input_ids"].tolist() == [3, 4]


def test_one_process_takes_one_gpu_of_several(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    device = replace(choose_device("fp32", 1), device=torch.device("cuda"), processes=1)
    assert _arguments(tmp_path, 10, "loss", SETTINGS, device).n_gpu == 1

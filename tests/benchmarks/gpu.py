"""What training and scoring reach on one NVIDIA GPU: BERT-base and a BERT of MiniLM's size, with random weights.

    python tests/benchmarks/gpu.py            # from a clone, in one call; some minutes on an H100
    python tests/benchmarks/gpu.py --tiny     # all of it at tiny sizes on a processor: that it runs, not how fast

Training goes through the loop that the notebooks use: bf16, rows without padding, fused AdamW, batches that other
processes make meanwhile; with the model's layers as they are, and compiled. Its steps are timed in windows, each
between two synchronisations, after a warm-up; of two that are compared each takes its turn; told are medians. Texts are
made up of words drawn at random. Operations are counted from the config, and of a training as three times those of the
forward pass: two for each weight of a matrix product and token, and those of attention; embeddings are looked up.
"""
# ruff: noqa: E402  (what is imported from lib/ needs it on the path first)

import argparse
import copy
import importlib.util
import json
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NEEDED = {"torch": "torch", "transformers": "transformers", "accelerate": "accelerate", "pandas": "pandas",
          "scipy": "scipy", "sklearn": "scikit-learn"}  # fmt: skip
if missing := [package for name, package in NEEDED.items() if importlib.util.find_spec(name) is None]:
    sys.exit(f"Something is missing here: pip install {' '.join(missing)}")
sys.path.insert(0, str(HERE.parents[1] / "lib"))

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    TrainerCallback,
)

from workbench.models import base, finetuning
from workbench.models.batching import TextRows
from workbench.models.compiled import CompileError, compiled
from workbench.models.device import Device, choose_device
from workbench.models.loop import Batch, Batches, Loss, TrainSettings
from workbench.models.pretraining.masked import MASKED_SHARE, MaskedBatches, masked_logits, masked_loss
from workbench.models.pretraining.rows import training_rows
from workbench.models.scoring import score_pairs
from workbench.models.tasks import task_for
from workbench.models.training import train
from workbench.models.unpadded import unpadded
from workbench.models.vocabulary import SPECIAL
from workbench.versions import versions

if __package__:
    from .textbook import BATCH, Textbook
else:  # started as a file, whose folder is on the path
    from textbook import BATCH, Textbook

NO_GPU = 2  # the exit code
H100 = 798.0  # TFLOP/s of a large matrix product in bf16, measured on an H100; half of it are the first two targets
TARGETS = {"fine-tuning": 5950.0, "mlm": 5700.0, "textbook": 40.0, "scoring": 1.8}
MEDIAN, SPREAD = 13, 0.6  # tokens of a short text: log-normal
PAIR_MEDIAN, PAIR_SPREAD = 40, 0.7  # of a pair, likewise
SETTLE = 5  # steps after another's turn that are not counted: their batches were made during it
FARTHER = 2.0  # how many times as far from float32 as the padded way in bf16 another way in bf16 may be
HOW = {False: "as it is", True: "compiled"}
Made = tuple[Any, Batches, Loss, Sequence[np.ndarray]]
"""A model, its batches and loss, and the rows of each batch."""
Within = Callable[[Any], AbstractContextManager[None]]
"""How a model computes, as long as this lasts."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    large: BertConfig = field(default_factory=BertConfig)  # its defaults are BERT-base's
    small: BertConfig = field(
        default_factory=lambda: BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
        )
    )
    length: int = 128  # tokens of a full row
    batch_tokens: int = 32768  # of a step
    texts: int = 8192
    warm: int = 20  # steps that are not counted
    steps: int = 60  # of a window
    windows: int = 5
    rival_steps: int = 40  # of the textbook's loop between two windows
    rows: int = 2048  # of a batch that is read with padding and without
    repeats: int = 5
    pairs: int = 20_000
    pair_length: int = 256
    rival_rows: tuple[int, ...] = (32, 128, 512)  # batch sizes of sentence-transformers
    checked: int = 64  # rows whose logits and gradients are compared
    side: int = 8192  # of the matrices whose product is timed
    judged: bool = True  # by the targets


def tiny() -> Sizes:
    """Sizes at which everything runs on a processor."""
    parts = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(**parts, vocab_size=600)
    return Sizes(
        config, config, length=16, batch_tokens=128, texts=64, warm=2, steps=2, windows=2, rival_steps=1, rows=16,
        repeats=2, pairs=40, pair_length=32, rival_rows=(8, 16), checked=8, side=64, judged=False,
    )  # fmt: skip


# ---- what is told


class Report:
    """The rows of the table and the checks, printed and written as they come: a run that is ended leaves them."""

    def __init__(self, sizes: Sizes, device: Device, folder: Path | None) -> None:
        self.judged = sizes.judged
        name = torch.cuda.get_device_name() if device.device.type == "cuda" else platform.machine()
        self.file = folder / f"gpu-{re.sub('[^a-z0-9]+', '-', name.lower())}.json" if folder else None
        self.rows: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []
        self.about = {
            "device": name,
            "precision": device.precision,
            "weights": "random",
            "versions": {
                **versions(),
                "cuda": torch.version.cuda,
                "cudnn": torch.backends.cudnn.version(),
                "triton": _version("triton"),
                "sentence-transformers": _version("sentence-transformers"),
            },
        }

    def row(
        self, name: str, value: float, unit: str, target: float | None = None, *, teraflops: float = 0.0, note: str = ""
    ) -> None:
        """Tell a result; `teraflops` is what it comes to."""
        target = target if self.judged else None
        self.rows.append({
            "name": name, "value": float(value), "unit": unit, "target": target,
            "met": None if target is None else bool(value >= target), "teraflops": float(teraflops),
            "share_of_h100": float(teraflops / H100), "gigabytes": _peak(), "note": note,
        })  # fmt: skip
        print(line(self.rows[-1]), flush=True)
        self._write()

    def check(self, name: str, distance: float, padded: float) -> None:
        """Tell how far from float32 something is, beside the padded way in bf16."""
        passed = bool(distance <= FARTHER * padded + 1e-3)
        self.checks.append({"name": name, "distance": distance, "padded": padded, "passed": passed})
        same = "same" if passed else "NOT THE SAME"
        print(f"{name:<46} {distance:12.2e} from float32, padded {padded:.2e}: {same}", flush=True)
        self._write()

    def failed(self) -> list[str]:
        """The checks that were not passed."""
        return [check["name"] for check in self.checks if not check["passed"]]

    def _write(self) -> None:
        if self.file:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self.file.parent.mkdir(parents=True, exist_ok=True)
            told = self.about | {"date": now, "rows": self.rows, "checks": self.checks}
            self.file.write_text(json.dumps(told, indent=2) + "\n")


def line(row: dict[str, Any]) -> str:
    """A row for reading."""
    met = {True: "met", False: "NOT MET", None: ""}[row["met"]]
    target = f"≥ {row['target']:,g}" if row["target"] else ""
    reached = f"{row['teraflops']:6.1f} TFLOP/s, {row['share_of_h100']:4.0%} of {H100:g}" if row["teraflops"] else ""
    start = f"{row['name']:<46} {row['value']:>12,.5g} {row['unit']:<13} {target:<9} {met:<8} {reached:<30}"
    return f"{start} {row['note']}".rstrip()


# ---- texts


def tokenizer_of(size: int, max_length: int) -> PreTrainedTokenizerBase:
    """BERT's way to read, with a vocabulary of so many made-up words, each of which is one token."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(letters[number // 26**place % 26] for place in range(4)) for number in range(size - len(SPECIAL))]
    vocabulary = {word: at for at, word in enumerate([*SPECIAL.values(), *words])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL["unk_token"]))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    begin, end = SPECIAL["cls_token"], SPECIAL["sep_token"]
    made.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", pair=f"{begin} $A {end} $B:1 {end}:1",
        special_tokens=[(begin, vocabulary[begin]), (end, vocabulary[end])],
    )  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=max_length, **SPECIAL)


def texts_of(tokenizer: PreTrainedTokenizerBase, words: np.ndarray, seed: int) -> list[str]:
    """Texts of so many words each, drawn at random."""
    known = np.array(tokenizer.convert_ids_to_tokens(list(range(len(SPECIAL), len(tokenizer)))))
    drawn = known[np.random.default_rng(seed).integers(len(known), size=int(words.sum()))]
    return [" ".join(text) for text in np.split(drawn, np.cumsum(words)[:-1])]


def lengths_of(count: int, median: float, spread: float, longest: int, seed: int) -> np.ndarray:
    """Tokens of so many texts, with their special ones: log-normal, 5 at least and `longest` at most."""
    drawn = np.random.default_rng(seed).lognormal(np.log(median), spread, count)
    return np.clip(np.rint(drawn), 5, longest).astype(int)


# ---- operations and time


def forward_flops(config: BertConfig, tokens: int, guessed: int = 0) -> float:
    """Floating-point operations of a row's forward pass; `guessed` are the tokens that the masked head decodes."""
    hidden, inner = config.hidden_size, config.intermediate_size
    layer = 2 * tokens * (4 * hidden**2 + 2 * hidden * inner) + 4 * tokens**2 * hidden
    return float(config.num_hidden_layers * layer + 2 * guessed * hidden * (hidden + config.vocab_size))


def wait(device: Device) -> None:
    """Until the GPU has done what it was told."""
    if device.device.type == "cuda":
        torch.cuda.synchronize()


def medians(ways: dict[str, Callable[[], object]], device: Device, repeats: int) -> dict[str, float]:
    """The median seconds of each way; all take turns, after a first one that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            wait(device)
            began = time.perf_counter()
            way()
            wait(device)
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in seconds.items()}


class Windows(TrainerCallback):
    """Times windows of a training's steps; before each of them another loop may take its turn."""

    def __init__(self, sizes: Sizes, device: Device, rival: Callable[[], object] | None = None) -> None:
        self.device, self.rival, self.warm, self.every = device, rival, sizes.warm, SETTLE + sizes.steps
        self.total = sizes.warm + sizes.windows * self.every  # steps of the whole training
        self.found: list[tuple[slice, float]] = []  # the steps of a window, and its seconds
        self.theirs: list[float] = []  # seconds of each turn of the other
        self.began = 0.0

    def on_step_end(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
        step = state.global_step
        within = (step - self.warm) % self.every
        if step < self.warm:
            return
        if within == 0 and step > self.warm:
            self.found.append((slice(step - self.every + SETTLE, step), self._now() - self.began))
        if within == 0 and step < self.total and self.rival:
            began = self._now()
            self.rival()
            self.theirs.append(self._now() - began)
        if within == SETTLE:
            self.began = self._now()

    def _now(self) -> float:
        wait(self.device)
        return time.perf_counter()

    def rate(self, plan: Sequence[np.ndarray]) -> float:
        """Texts a second, by the rows of each batch."""
        counts = np.array([len(rows) for rows in plan])
        return statistics.median(counts[steps].sum() / seconds for steps, seconds in self.found)


# ---- what is measured


def product(report: Report, sizes: Sizes, device: Device) -> None:
    """What this machine makes of large matrix products in bf16: no training gets more."""
    one, other = (torch.randn(sizes.side, sizes.side, device=device.device, dtype=torch.bfloat16) for _ in range(2))
    seconds = medians({"ten": lambda: [one @ other for _ in range(10)]}, device, sizes.repeats)["ten"]
    reached = 10 * 2 * sizes.side**3 / seconds / 1e12
    report.row(f"matrix products of side {sizes.side}", reached, "TFLOP/s", teraflops=reached)


def classifier(config: BertConfig, texts: Sequence[str], classes: int, sizes: Sizes, steps: int) -> Made:
    """A classifier of texts, all of its weights trained."""
    table = pd.DataFrame({"context": texts, "label": np.arange(len(texts)) % classes})
    task = task_for(table["label"], "classes")
    batches = finetuning.training_batches(
        tokenizer_of(config.vocab_size, sizes.length), table, task, max_tokens=steps * sizes.batch_tokens,
        batch_tokens=sizes.batch_tokens, use_weights=False, seed=0,
    )  # fmt: skip
    batches = replace(batches, plan=batches.plan[:steps])
    return base.load_classifier(config, 0, task.outputs), batches, finetuning.task_loss(task), batches.plan


def masked(config: BertConfig, texts: Sequence[str], sizes: Sizes, steps: int) -> Made:
    """A masked language model."""
    tokenizer = tokenizer_of(config.vocab_size, sizes.length)
    rows = training_rows(
        tokenizer, texts, max_tokens=steps * sizes.batch_tokens, batch_tokens=sizes.batch_tokens, seed=0
    )
    rows = replace(rows, plan=rows.plan[:steps])
    return base.load_masked_lm(config, 0), MaskedBatches(rows, tokenizer, 0), masked_loss, rows.plan


def trained(made: Made, clock: Windows, device: Device, compile: bool) -> float:
    """Texts a second of a training."""
    model, batches, loss, plan = made
    with tempfile.TemporaryDirectory() as folder:
        train(
            model, batches, loss, lambda _: {"loss": 0.0}, better="loss",
            settings=TrainSettings(evaluations=1, compile=compile), device=device, checkpoints=folder,
            callbacks=[clock],
        )  # fmt: skip
    return clock.rate(plan)


def full_rows(report: Report, sizes: Sizes, device: Device, compile: bool) -> None:
    """BERT-base on rows of one length: fine-tuning, and masked language modelling."""
    config, length = sizes.large, sizes.length
    texts = texts_of(tokenizer_of(config.vocab_size, length), np.full(sizes.texts, length - 2), 0)
    guessed = round(MASKED_SHARE * (length - 2))
    for name, make, flops in (
        ("fine-tuning", partial(classifier, config, texts, 2), forward_flops(config, length)),
        ("mlm", partial(masked, config, texts), forward_flops(config, length, guessed)),
    ):
        clock = Windows(sizes, device)
        rate = trained(make(sizes, clock.total), clock, device, compile)
        report.row(
            f"{name}, {length} tokens, {HOW[compile]}", rate, "sequences/s", TARGETS[name],
            teraflops=3 * flops * rate / 1e12,
        )  # fmt: skip


def short_texts(report: Report, sizes: Sizes, device: Device, compile: bool) -> None:
    """A small BERT on short texts, beside the textbook's loop in fp32; ours also counts tokenising, for one pass."""
    tokenizer = tokenizer_of(sizes.small.vocab_size, sizes.length)
    texts = texts_of(tokenizer, lengths_of(sizes.texts, MEDIAN, SPREAD, sizes.length, 1) - 2, 1)
    classes = min(77, sizes.texts // 2)
    other = Textbook(
        sizes.small, tokenizer, texts, [at % classes for at in range(len(texts))], device=str(device.device)
    )

    def rival() -> None:
        for _ in range(sizes.rival_steps):
            other.step()

    rival()
    clock = Windows(sizes, device, rival)
    began = time.perf_counter()
    made = classifier(sizes.small, texts, classes, sizes, clock.total)
    prepared = (time.perf_counter() - began) / len(texts)
    ours = 1 / (1 / trained(made, clock, device, compile) + prepared)
    theirs = BATCH * sizes.rival_steps / statistics.median(clock.theirs)
    report.row(
        f"short texts, {HOW[compile]}", ours / theirs, "× textbook", TARGETS["textbook"],
        note=f"{ours:,.0f} texts/s against {theirs:,.0f}; log-normal, median {MEDIAN} tokens, σ {SPREAD}",
    )  # fmt: skip


def padding(report: Report, sizes: Sizes, device: Device) -> None:
    """Forward and backward pass on short texts with padding and without, in batches as drawn and of like length."""
    tokenizer = tokenizer_of(sizes.small.vocab_size, sizes.length)
    lengths = np.sort(lengths_of(4 * sizes.rows, MEDIAN, SPREAD, sizes.length, 2))
    texts = TextRows(tokenizer, texts_of(tokenizer, lengths - 2, 2))
    model = base.load_classifier(sizes.small, 0, 2)
    device.place(model)  # without dropout, of which the kernel knows none in attention
    drawn = np.random.default_rng(3).permutation(len(texts))[: sizes.rows]
    for name, rows in (("as drawn", drawn), ("of like length", np.arange(sizes.rows) + 2 * sizes.rows)):
        batch = device.move(texts.batch(rows))
        ways = {"unpadded": partial(_pass, model, batch, device, unpadded),
                "padded": partial(_pass, model, batch, device, nullcontext)}  # fmt: skip
        seconds = medians(ways, device, 4 * sizes.repeats)
        full = batch["attention_mask"].float().mean().item()
        report.row(
            f"short texts unpadded, batches {name}", seconds["padded"] / seconds["unpadded"], "× padded",
            note=f"{sizes.rows} rows × {batch['input_ids'].shape[1]}, {full:.0%} of it their own tokens",
        )  # fmt: skip


def _pass(model: Any, batch: Batch, device: Device, way: Within) -> None:
    model.zero_grad()
    with way(model), device.autocast():
        loss = model(**batch).logits.square().sum()
    loss.backward()


def scoring(report: Report, sizes: Sizes, device: Device) -> None:
    """Pairs of mixed lengths through BERT-base, beside sentence-transformers' CrossEncoder in fp16; with tokenising."""
    tokenizer = tokenizer_of(sizes.large.vocab_size, sizes.pair_length)
    tokens = lengths_of(sizes.pairs, PAIR_MEDIAN, PAIR_SPREAD, sizes.pair_length, 4)
    left = np.maximum(1, (tokens - 3) // 4)
    contexts, candidates = texts_of(tokenizer, left, 4), texts_of(tokenizer, tokens - 3 - left, 5)
    model = device.compact(base.load_classifier(sizes.large, 0, 1))
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: score_pairs(model, tokenizer, contexts, candidates, device)
    }
    if importlib.util.find_spec("sentence_transformers"):
        rival = cross_encoder(sizes, tokenizer, device)
        pairs = [list(pair) for pair in zip(contexts, candidates, strict=True)]
        ways |= {f"{rows} rows": partial(_predicted, rival, pairs, rows) for rows in sizes.rival_rows}
    rates = {name: sizes.pairs / seconds for name, seconds in medians(ways, device, sizes.repeats).items()}
    ours = rates.pop("ours")
    flops = float(np.mean([forward_flops(sizes.large, length) for length in tokens]))
    report.row(
        "scoring pairs", ours, "pairs/s", teraflops=flops * ours / 1e12,
        note=f"log-normal, median {PAIR_MEDIAN} tokens, σ {PAIR_SPREAD}, {sizes.pair_length} at most",
    )  # fmt: skip
    if not rates:
        print("scoring beside sentence-transformers: it is not installed")
        return
    told = ", ".join(f"{rate:,.0f} at {name}" for name, rate in rates.items())
    report.row(
        "scoring beside sentence-transformers fp16", ours / max(rates.values()), "× its best", TARGETS["scoring"],
        note=f"its pairs/s: {told} a batch",
    )  # fmt: skip


def cross_encoder(sizes: Sizes, tokenizer: PreTrainedTokenizerBase, device: Device) -> Any:
    """sentence-transformers' CrossEncoder around a model of the same size."""
    from sentence_transformers import CrossEncoder

    config = copy.deepcopy(sizes.large)
    config.num_labels = 1
    with tempfile.TemporaryDirectory() as folder:
        BertForSequenceClassification(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        model = CrossEncoder(folder, num_labels=1, max_length=sizes.pair_length, device=str(device.device))
    return model.to(torch.float16 if device.device.type == "cuda" else device.dtype)


def _predicted(model: Any, pairs: list[list[str]], rows: int) -> np.ndarray:
    """Its scores, by its fastest way: as numbers for numpy it would fetch each by itself."""
    return model.predict(pairs, batch_size=rows, convert_to_tensor=True, show_progress_bar=False).float().cpu().numpy()


# ---- that it is computed alike


def sameness(report: Report, sizes: Sizes, device: Device, name: str, way: Within) -> None:
    """Logits and gradients of both models, without dropout: how far from float32 in this way, and padded."""
    tokenizer = tokenizer_of(sizes.large.vocab_size, sizes.length)
    texts = texts_of(tokenizer, lengths_of(sizes.checked, MEDIAN, SPREAD, sizes.length, 6) - 2, 6)
    for what, (model, batches, *_) in (
        ("fine-tuning", classifier(sizes.large, texts, 2, sizes, 1)),
        ("mlm", masked(sizes.large, texts, sizes, 1)),
    ):
        device.place(model)
        batch = device.move(batches[0])
        exact = computed(model, batch, replace(device, dtype=torch.float32))
        padded = computed(model, batch, device)
        with way(model):
            found = computed(model, batch, device)
        for kind, truth in exact.items():
            report.check(f"{what}, {kind} {name}", apart(found[kind], truth), apart(padded[kind], truth))


def computed(model: Any, batch: Batch, device: Device) -> dict[str, torch.Tensor]:
    """Logits of a batch, and the gradients of their mean square, each as one long vector."""
    model.zero_grad()
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in batch}
    with device.autocast():
        logits = (masked_logits(model, batch) if "masked" in batch else model(**given).logits).float().flatten()
    logits.square().mean().backward()
    gradients = [each.grad.flatten() for each in model.parameters() if each.grad is not None]
    return {"logits": logits.detach(), "gradients": torch.cat(gradients)}


def apart(found: torch.Tensor, truth: torch.Tensor) -> float:
    """How far it is from the truth, as a share of that."""
    return float((found - truth).norm() / truth.norm())


@contextmanager
def unpadded_and_compiled(model: Any) -> Iterator[None]:
    with unpadded(model), compiled(model):
        yield


# ---- the whole


def _peak() -> float:
    """Gigabytes of a GPU's memory that were in use at most since this was last asked."""
    if not torch.cuda.is_initialized():
        return 0.0
    peak = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return peak


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def main() -> int:
    """Measure, print the table and write it; 1 if something is not computed alike, 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="on a processor, at tiny sizes")
    parser.add_argument("--no-compile", action="store_true", help="leave out what is compiled")
    parser.add_argument("--folder", type=Path, help="for the figures: tests/benchmarks/results, of --tiny none")
    given = parser.parse_args()
    if not (given.tiny or torch.cuda.is_available()):
        print("There is no GPU here that PyTorch can use: run this on a machine with an NVIDIA GPU, or with --tiny.")
        return NO_GPU
    if given.tiny:
        sizes, device = tiny(), Device(torch.device("cpu"), torch.bfloat16, torch.get_num_threads(), "Tiny, on a CPU.")
    else:
        sizes, device = Sizes(), choose_device("bf16")
    report = Report(sizes, device, given.folder or (None if given.tiny else HERE / "results"))
    print(device.reason, "All weights are random.", flush=True)
    began = time.perf_counter()
    product(report, sizes, device)
    for compile, name, way in ((False, "unpadded", unpadded), (True, "compiled", unpadded_and_compiled)):
        if compile and given.no_compile:
            continue
        try:
            sameness(report, sizes, device, name, way)
            full_rows(report, sizes, device, compile)
            short_texts(report, sizes, device, compile)
        except CompileError as error:
            print(error, flush=True)
    padding(report, sizes, device)
    scoring(report, sizes, device)
    print(f"\n{report.about['device']}, random weights, {time.perf_counter() - began:.0f} seconds")
    print("\n".join(map(line, report.rows)))
    if failed := report.failed():
        print(f"Not computed alike: {'; '.join(failed)}.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

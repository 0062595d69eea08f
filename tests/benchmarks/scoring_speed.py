"""Pairs a second of our scoring, beside sentence-transformers' CrossEncoder and ONNX Runtime in fp32 and INT8.

A binary head is trained on questions of banking77 and intents, right and wrong ones; then every way scores the same
pairs of held-out questions with ten intents each, in turn, tokenising included, sorted by length, at the batch size
that suits it best of a few. ONNX Runtime gets our own batches. How far bf16 is from fp32 is told on the trained head:
by Kendall's tau over all pairs, and by NDCG@10 over the questions.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import kendalltau

from workbench.metrics.ranking import ranking_metrics
from workbench.models import base, finetuning
from workbench.models.batching import TextRows, cut_batches
from workbench.models.classifier import TextClassifier
from workbench.models.device import choose_device
from workbench.models.loop import TrainSettings

from .record import record
from .textbook import LENGTH
from .training_speed import DATA

SPEED, TAU, NDCG_APART = 1.5, 0.995, 0.001
WRONG = 9  # intents beside the right one
TOKENS = (512, 1024, 2048, 4096)
ROWS = (16, 32, 64, 128)  # of CrossEncoder's batches
Score = Callable[[pd.DataFrame], np.ndarray]


def pairs(name: str, questions: int, seed: int) -> pd.DataFrame:
    """Questions with their intent and nine others: question, context, candidate, label."""
    texts = pd.read_csv(DATA / "banking77" / f"{name}.csv").sample(questions, random_state=seed)
    intents, rng = np.array(sorted(texts["category"].unique())), np.random.default_rng(seed)
    rows = []
    for number, (text, right) in enumerate(zip(texts["text"], texts["category"], strict=True)):
        for intent in (right, *rng.choice(intents[intents != right], WRONG, replace=False)):
            rows.append((number, text, intent.replace("_", " "), int(intent == right)))
    return pd.DataFrame(rows, columns=["question", "context", "candidate", "label"]).assign(weight=1.0)


def onnx_scorer(model: TextClassifier, tokenizer: Any, folder: Path, threads: int) -> Callable[[bool, int], Score]:
    """The model by ONNX Runtime: (INT8?, tokens of a batch) → scorer."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    names = ("input_ids", "attention_mask", "token_type_ids")
    some = TextRows(tokenizer, ["one text", "another one"], ["a class", "a further class"]).batch(np.arange(2))
    files = {kind: str(folder / f"{kind}.onnx") for kind in ("fp32", "ready", "int8")}
    sizes = {0: torch.export.Dim("rows", min=2), 1: torch.export.Dim("tokens", min=2)}
    torch.onnx.export(
        _Logits(model).eval(), tuple(some[name] for name in names), files["fp32"], input_names=list(names), dynamo=True,
        dynamic_shapes=dict.fromkeys(names, sizes), external_data=False, verbose=False,
    )  # fmt: skip
    quant_pre_process(files["fp32"], files["ready"], skip_symbolic_shape=True)
    quantize_dynamic(files["ready"], files["int8"], weight_type=QuantType.QInt8, per_channel=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = {
        small: onnxruntime.InferenceSession(files["int8" if small else "fp32"], options, ["CPUExecutionProvider"])
        for small in (False, True)
    }

    def of(small: bool, tokens: int) -> Score:
        def score(rows: pd.DataFrame) -> np.ndarray:
            texts = TextRows(tokenizer, rows["context"].tolist(), rows["candidate"].tolist())
            scores = np.empty(len(texts), dtype=np.float32)
            for part in cut_batches(texts.lengths, tokens, np.argsort(texts.lengths, kind="stable")):
                batch = texts.batch(part)
                scores[part] = session[small].run(None, {name: batch[name].numpy() for name in names})[0][:, 0]
            return scores

        return score

    return of


def cross_encoder(where: str, tokenizer: Any) -> Callable[[int], Score]:
    """sentence-transformers' CrossEncoder on the same base model, as it comes: rows of a batch → scorer."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(where, num_labels=1, max_length=LENGTH, device="cpu")

    def of(rows: int) -> Score:
        def score(table: pd.DataFrame) -> np.ndarray:
            lengths = table["context"].str.len() + table["candidate"].str.len()
            order = np.argsort(lengths.to_numpy(), kind="stable")
            texts = table[["context", "candidate"]].iloc[order].to_numpy().tolist()
            scores = np.empty(len(table), dtype=np.float32)
            scores[order] = model.predict(texts, batch_size=rows, show_progress_bar=False)
            return scores

        return score

    return of


def measure(ways: Mapping[str, Score], rows: pd.DataFrame, repeats: int) -> tuple[pd.Series, dict[str, np.ndarray]]:
    """Pairs a second of each way, medians over the repeats, all in turn; and the scores."""
    scores = {name: score(rows) for name, score in ways.items()}  # also warms them up
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, score in ways.items():
            began = time.perf_counter()
            score(rows)
            seconds[name].append(time.perf_counter() - began)
    return pd.Series({name: len(rows) / statistics.median(each) for name, each in seconds.items()}), scores


def main() -> None:
    """Train a head, measure the ways at each of their sizes, and record the ratio and how far bf16 is from fp32."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=300, help="with ten intents each")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=400_000, help="that the training of the head reads")
    given = parser.parse_args()
    device = choose_device()
    exact = replace(device, dtype=torch.float32)
    where = base.find_base_model("minilm")
    tokenizer, model = base.load_tokenizer(where, LENGTH), base.load_classifier(where, 0)
    rows = pairs("test", given.questions, 0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batches = finetuning.training_batches(
            tokenizer, pairs("train", 3000, 0), max_tokens=given.tokens, batch_tokens=1024, use_weights=False, seed=0
        )
        settings = TrainSettings(learning_rate=1e-4, evaluations=1)
        finetuning.fine_tune(
            model, tokenizer, batches, pairs("train", 100, 1), settings=settings, device=device,
            checkpoints=folder / "checkpoints",
        )  # fmt: skip
        onnx, shipped = onnx_scorer(model, tokenizer, folder, device.threads), cross_encoder(where, tokenizer)

        ways: dict[str, Score] = {
            name: finetuning.pair_scorer(model, tokenizer, on) for name, on in (("ours", device), ("ours fp32", exact))
        }
        ways |= {f"CrossEncoder, {size} rows": shipped(size) for size in ROWS}
        ways |= {f"ONNX fp32, {size} tokens": onnx(False, size) for size in TOKENS}
        ways |= {f"ONNX INT8, {size} tokens": onnx(True, size) for size in TOKENS}
        speeds, scores = measure(ways, rows, given.repeats)
    quality = pd.Series({name: _ndcg(rows, each) for name, each in scores.items()})
    tau = pd.Series({name: kendalltau(each, scores["ours fp32"]).statistic for name, each in scores.items()})
    print(pd.DataFrame({"pairs a second": speeds, "NDCG@10": quality, "tau": tau}).round(4).to_string(), flush=True)
    rivals = speeds.drop(["ours", "ours fp32"])
    record(
        "scoring_speed", speeds["ours"] / rivals.max(), "times the best rival", target=SPEED, higher_is_better=True,
        rival=f"{rivals.idxmax()}, {rivals.max():.0f} pairs/s",
    )  # fmt: skip
    fp32 = f"ours in fp32, in {device.precision} by default"
    record("scoring_tau", tau["ours"], "Kendall's tau", target=TAU, higher_is_better=True, rival=fp32)
    record(
        "scoring_ndcg", abs(quality["ours"] - quality["ours fp32"]), "NDCG@10 apart", target=NDCG_APART,
        higher_is_better=False, rival=fp32,
    )  # fmt: skip


class _Logits(torch.nn.Module):
    """A classifier that gives its logits alone, as ONNX wants it."""

    def __init__(self, model: TextClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        return self.model(input_ids, attention_mask, token_type_ids).logits


def _ndcg(rows: pd.DataFrame, scores: np.ndarray) -> float:
    one = pd.Series(1, index=rows["question"].unique())
    found = ranking_metrics(
        rows["question"].to_numpy(), rows["candidate"].to_numpy(), scores, rows["label"].to_numpy(), one
    )
    return float(found["ndcg"].mean())


if __name__ == "__main__":
    main()

"""The benchmark of a GPU, at tiny sizes on a processor: that all of it runs, and what it counts."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForMaskedLM, BertModel

from benchmarks import __main__ as bench
from benchmarks import gpu
from benchmarks.textbook import Textbook
from workbench.models.device import Device, choose_device

LACKS = ("IPython", "cryptography", "duckdb", "ibis", "lightgbm", "matplotlib", "opacus", "optuna", "pandera",
         "papermill", "peft", "pyarrow", "seaborn", "sentence_transformers", "tensorboard", "typer")  # fmt: skip
"""What an image with PyTorch and transformers need not have."""
BLOCKED = f"""
import sys
class Lacks:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {LACKS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Lacks())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {LACKS!r} else found(name, package)
"""
ROWS = ["fine-tuning, 16 tokens", "mlm, 16 tokens", "short texts"]


def told(folder: Path) -> dict:
    (file,) = folder.glob("gpu-*.json")
    return json.loads(file.read_text())


def test_it_runs_from_a_clone_with_what_a_plain_image_has(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(BLOCKED)
    done = subprocess.run(
        [sys.executable, gpu.__file__, "--tiny", "--no-compile", "--folder", str(tmp_path / "results")],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env={"PYTHONPATH": str(blocked), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "beside sentence-transformers: it is not installed" in done.stdout
    found = told(tmp_path / "results")
    assert [row["name"] for row in found["rows"]] == [
        "matrix products of side 64", *(f"{name}, as it is" for name in ROWS), "short texts unpadded, batches as drawn",
        "short texts unpadded, batches of like length", "scoring pairs",
    ]  # fmt: skip
    assert all(row["value"] > 0 for row in found["rows"])
    assert len(found["checks"]) == 4
    assert all(check["passed"] for check in found["checks"])
    assert found["versions"]["torch"] == torch.__version__


def test_what_is_compiled_and_what_is_not_computed_alike(tmp_path, monkeypatch, capsys):
    torch._dynamo.reset()
    plain = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda layer: plain(layer, backend="eager"))
    monkeypatch.setattr(gpu, "scoring", lambda *_: None)
    spoilt = iter([1.0, *[0.001] * 100])
    monkeypatch.setattr(gpu, "apart", lambda *_: next(spoilt))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--tiny", "--folder", str(tmp_path)])
    assert gpu.main() == 1
    assert capsys.readouterr().out.endswith("Not computed alike: fine-tuning, logits unpadded.\n")
    names = [row["name"] for row in told(tmp_path)["rows"]]
    assert names[1:7] == [f"{name}, {how}" for how in ("as it is", "compiled") for name in ROWS]
    assert [check["passed"] for check in told(tmp_path)["checks"]] == [False, *[True] * 7]


def test_a_machine_that_cannot_compile_has_the_other_rows(tmp_path, monkeypatch, capsys):
    def no(*_):
        raise gpu.CompileError("The model cannot be compiled here.")

    for name in ("product", "sameness", "short_texts", "padding", "scoring"):
        monkeypatch.setattr(gpu, name, lambda *_: None)
    monkeypatch.setattr(gpu, "full_rows", lambda *given: given[-1] and no())
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--tiny"])
    assert gpu.main() == 0
    assert "The model cannot be compiled here." in capsys.readouterr().out


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert gpu.main() == gpu.NO_GPU == bench.NO_GPU == 2
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(("codes", "ends"), [({"gpu": 2}, 0), ({"gpu": 1}, 1), ({"encryption": 2}, 1), ({}, 0)])
def test_all_benchmarks_go_on_without_a_gpu(monkeypatch, capsys, codes, ends):
    def run(command, check):
        return SimpleNamespace(returncode=codes.get(command[-1].rpartition(".")[2], 0))

    monkeypatch.setattr(bench.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    assert bench.main() == ends
    assert ("broke" in capsys.readouterr().out) == bool(ends)


def test_operations_are_those_that_are_computed():
    config = BertConfig(
        vocab_size=90, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        attn_implementation="eager",
    )  # fmt: skip
    ids = torch.ones(3, 11, dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        BertModel(config, add_pooling_layer=False)(ids)
    assert counted.get_total_flops() == 3 * gpu.forward_flops(config, 11)
    with FlopCounterMode(display=False) as counted:
        BertForMaskedLM(config)(ids)
    assert counted.get_total_flops() == 3 * gpu.forward_flops(config, 11, guessed=11)
    of_base = 3 * gpu.forward_flops(gpu.Sizes().large, 128)
    assert of_base * gpu.TARGETS["fine-tuning"] / 1e12 == pytest.approx(gpu.H100 / 2, rel=0.01)
    masked = 3 * gpu.forward_flops(gpu.Sizes().large, 128, guessed=19)
    assert masked * gpu.TARGETS["mlm"] / 1e12 == pytest.approx(gpu.H100 / 2, rel=0.01)


def test_texts_have_the_tokens_that_were_asked_for():
    tokenizer = gpu.tokenizer_of(600, 32)
    assert len(tokenizer) == 600
    lengths = gpu.lengths_of(200, 13, 0.6, 32, 1)
    assert 11 <= np.median(lengths) <= 15
    assert lengths.min() >= 5
    assert lengths.max() <= 32
    texts = gpu.texts_of(tokenizer, lengths - 2, 1)
    read = tokenizer(texts)["input_ids"]
    assert [len(row) for row in read] == lengths.tolist()
    assert tokenizer.unk_token_id not in {token for row in read for token in row}
    assert len(set(texts)) == len(texts)


def test_windows_leave_out_the_warm_up_and_what_was_made_during_anothers_turn(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: now[0])

    def rival():
        now[0] += 100.0

    sizes = gpu.Sizes(warm=3, steps=4, windows=2)
    clock = gpu.Windows(sizes, choose_device("fp32", 1), rival)
    assert clock.total == 3 + 2 * (gpu.SETTLE + 4)
    for step in range(1, clock.total + 1):
        now[0] += 1.0 if step <= 3 else 0.5
        clock.on_step_end(None, SimpleNamespace(global_step=step))
    first = 3 + gpu.SETTLE
    assert clock.found == [(slice(first, first + 4), 2.0), (slice(first + 4 + gpu.SETTLE, clock.total), 2.0)]
    assert clock.theirs == [100.0, 100.0]
    plan = [np.arange(10)] * clock.total
    assert clock.rate(plan) == 20.0


def test_the_textbook_starts_from_a_config_too():
    sizes = gpu.tiny()
    tokenizer = gpu.tokenizer_of(600, 16)
    other = Textbook(sizes.small, tokenizer, ["aaaa baaa"] * 20, [0, 1, 2, 3] * 5, device="cpu")
    assert other.step() == 16
    assert other.logits(["aaaa"]).shape == (1, 4)


def test_a_gpu_is_named_with_its_figures(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    report = gpu.Report(gpu.Sizes(), Device(torch.device("cuda"), torch.bfloat16, 1, ""), tmp_path)
    report.row("fine-tuning", 6000.0, "sequences/s", 5950.0, teraflops=401.0)
    report.row("mlm", 5000.0, "sequences/s", 5700.0)
    (file,) = tmp_path.iterdir()
    assert file.name == "gpu-nvidia-h100-80gb-hbm3.json"
    assert [row["met"] for row in told(tmp_path)["rows"]] == [True, False]
    assert "401.0 TFLOP/s,  50% of 798" in gpu.line(report.rows[0])

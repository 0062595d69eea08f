"""Gradient checkpointing: the same loss and gradients from less memory."""

import json
import os
import subprocess
import sys

import pytest
import torch
from test_models_training import toy_pairs, tune, weights
from transformers import GPT2Config, MPNetConfig

from workbench.models import base, methods
from workbench.models.device import choose_device
from workbench.models.finetuning import task_loss, training_batches
from workbench.models.loop import TrainingError, TrainSettings
from workbench.models.pretraining.causal import CausalBatches, causal_loss
from workbench.models.pretraining.masked import MaskedBatches, masked_loss
from workbench.models.pretraining.rows import training_rows
from workbench.models.private import Budget, PrivacyError, train_privately
from workbench.models.tasks import Task
from workbench.models.training import _checkpointing

FAMILY = {"vocab_size": 30522, "n_embd": 64, "n_layer": 2, "n_head": 2}


def gradients(model, loss, batch, wanted):
    """Loss and gradients of a step with dropout."""
    model.train().zero_grad()
    torch.manual_seed(3)
    with _checkpointing(model, wanted):
        value = loss(model, batch)
        value.backward()
    return value.detach(), {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.requires_grad
    }


def assert_equal_gradients(model, loss, batch):
    (one, plain), (other, twice) = (gradients(model, loss, batch, wanted) for wanted in (False, True))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    assert plain.keys() == twice.keys()
    assert any(gradient.abs().max() > 0 for gradient in plain.values())
    for name, gradient in plain.items():
        torch.testing.assert_close(twice[name], gradient, atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", [*methods.METHODS, "frozen layers"])
def test_gradients_are_the_same_with_every_method(method):
    tokenizer = base.load_tokenizer("tiny")
    batches = training_batches(
        tokenizer, toy_pairs(64, 1), max_tokens=1000, batch_tokens=256, use_weights=False, seed=3
    )
    model = base.load_classifier("tiny", seed=5)
    if method == "frozen layers":
        methods.adapt(model, "full", {"frozen_layers": 1})
    adaptation = methods.adapt(model, "full" if method == "frozen layers" else method, steps=20, seed=5)
    with torch.no_grad():  # what begins as nothing has no gradient in what lies before it
        for weight in methods.trained(model).values():
            weight.add_(0.02 * torch.randn_like(weight))
    assert_equal_gradients(model, task_loss(Task("binary"), adaptation), batches[0])


@pytest.mark.parametrize("objective", ["mlm", "clm"])
def test_gradients_are_the_same_with_each_objective(objective):
    tokenizer = base.load_tokenizer("tiny")
    rows = training_rows(tokenizer, toy_pairs(64, 1)["context"].tolist(), max_tokens=500, batch_tokens=256, seed=3)
    if objective == "mlm":
        model, loss, batch = base.load_masked_lm("tiny", 5), masked_loss, MaskedBatches(rows, tokenizer, seed=3)[0]
    else:
        model = base.load_causal_lm(GPT2Config(**FAMILY), 5)
        model.config.use_cache = False  # as Trainer sets it
        loss, batch = causal_loss, CausalBatches(rows, tokenizer)[0]
    assert_equal_gradients(model, loss, batch)


def test_a_training_is_the_same(tmp_path):
    plain, one = tune(tmp_path / "plain")
    twice, other = tune(tmp_path / "twice", gradient_checkpointing=True)
    assert other.steps == one.steps
    for name, weight in weights(plain).items():
        torch.testing.assert_close(weights(twice)[name], weight, atol=1e-6, rtol=0)
    assert not any(getattr(part, "gradient_checkpointing", False) for part in twice.modules())


def test_a_frozen_part_is_not_run_twice():
    """No gradient is asked for below the first layer that is trained."""
    model = base.load_classifier("tiny", seed=5)
    methods.adapt(model, "full", {"frozen_layers": 1})
    model.train()
    seen = []
    for layer in methods.blocks(model):
        layer.register_forward_hook(lambda _layer, _given, found: seen.append(found[0].requires_grad))
    batch = base.load_tokenizer("tiny")(["milk"], ["bread"], return_tensors="pt")
    with _checkpointing(model, True):
        model(**batch)
    assert seen == [False, True]


def test_a_family_without_it_says_so(tmp_path):
    small = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    model = base.load_classifier(MPNetConfig(**small), seed=5)
    with pytest.raises(TrainingError, match="A mpnet knows no gradient checkpointing: set gradient_checkpointing to"):
        tune(tmp_path, model=model, gradient_checkpointing=True)


def test_private_training_goes_without():
    with pytest.raises(PrivacyError, match="set gradient_checkpointing to false"):
        train_privately(
            None, None, toy_pairs(64, 1), toy_pairs(64, 2), Task("binary"), Budget(8.0, 1e-5), steps=2, batch_rows=32,
            settings=TrainSettings(gradient_checkpointing=True), device=choose_device("fp32", 1), checkpoints="",
        )  # fmt: skip


PEAKS = """
import json, re, torch
from pathlib import Path
from transformers import BertConfig
from workbench.models import base
from workbench.models.training import _checkpointing

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

sizes = dict(hidden_size=256, num_hidden_layers=12, num_attention_heads=4, intermediate_size=1024, vocab_size=1000)
model = base.load_classifier(BertConfig(**sizes)).train()
rows = torch.ones(64, 64, dtype=torch.long)
model(rows[:1], rows[:1], rows[:1]).logits.sum().backward()  # makes room for gradients and for the libraries
peaks = [peak()]
for wanted in (True, False):  # the larger one last: a process's peak never falls
    with _checkpointing(model, wanted):
        model(rows, rows, rows).logits.sum().backward()
    peaks.append(peak())
print(json.dumps(peaks))
"""


def test_a_deep_model_needs_a_third_of_the_memory():
    at_once = {
        "MALLOC_MMAP_THRESHOLD_": "65536"
    }  # what is freed goes back to the system, as a GPU's allocator reuses it
    done = subprocess.run(
        [sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True, env=os.environ | at_once
    )
    before, twice, once = json.loads(done.stdout)
    print(f"before the step {before:.0f} MB, with gradient checkpointing {twice:.0f} MB, without {once:.0f} MB")
    assert twice - before < (once - before) / 3

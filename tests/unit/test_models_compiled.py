"""Compiled layers: the same training, and nothing of it left afterwards."""

import copy

import pytest
import torch
from test_models_training import toy_pairs, tune, weights
from transformers import AlbertConfig

from workbench.models import base, methods
from workbench.models.compiled import CompileError, compiled, frozen
from workbench.models.device import choose_device
from workbench.models.loop import TrainingError, TrainSettings
from workbench.models.private import Budget, PrivacyError, train_privately
from workbench.models.tasks import Task


def is_compiled(model) -> list[bool]:
    return [layer._compiled_call_impl is not None for layer in methods.blocks(model)]


def test_a_training_is_the_same(tmp_path):
    torch._dynamo.reset()
    counted = torch._dynamo.utils.counters
    counted.clear()
    plain, one = tune(tmp_path / "plain", dropout=0.0)
    assert not counted["stats"]
    model, other = tune(tmp_path / "compiled", dropout=0.0, compile=True)
    assert counted["stats"]["unique_graphs"] >= 2, "in training, and as it is judged"
    assert not counted["graph_break"]
    assert (one.curve["loss"] - other.curve["loss"]).abs().max() <= 1e-4
    assert weights(plain).keys() == weights(model).keys()
    for name, weight in weights(plain).items():
        torch.testing.assert_close(weights(model)[name], weight, atol=1e-4, rtol=0)
    assert is_compiled(model) == [False, False]
    last = base.load_classifier(tmp_path / "compiled" / f"checkpoint-{other.best_step}")
    for name, weight in weights(model).items():
        torch.testing.assert_close(weights(last)[name], weight)


def test_frozen_layers_are_not_compiled_and_computed_twice(tmp_path):
    model = base.load_classifier("tiny")
    methods.adapt(model, "full", {"frozen_layers": 1})
    with pytest.raises(TrainingError, match="PyTorch cannot compile layers that are frozen and computed twice: set"):
        tune(tmp_path, model=model, compile=True, gradient_checkpointing=True)
    assert not [*tmp_path.iterdir()], "it had begun"
    assert not frozen(base.load_classifier("tiny"))
    model = base.load_classifier("tiny")
    methods.adapt(model, "lora")
    assert not frozen(model), "each layer has something that is trained"


def test_copies_are_not_compiled():
    model = base.load_classifier("tiny")
    with compiled(model):
        assert is_compiled(model) == [True, True]
        assert is_compiled(copy.deepcopy(model)) == [False, False]
        assert is_compiled(choose_device("bf16", 1).compact(model)) == [False, False]
    assert is_compiled(model) == [False, False]


def test_a_machine_without_a_compiler_says_so(monkeypatch, tmp_path):
    torch._dynamo.reset()
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(torch._inductor.config, "force_disable_caches", True)
    model = base.load_classifier("tiny", seed=5)
    with pytest.raises(CompileError, match=r"cannot be compiled here .*no-such-compiler.* set compile to false"):
        tune(tmp_path, model=model, compile=True)
    assert is_compiled(model) == [False, False]


def test_a_family_whose_layers_are_not_known_says_so():
    shared = AlbertConfig(embedding_size=8, hidden_size=16, num_attention_heads=2, intermediate_size=16, vocab_size=90)
    with pytest.raises(CompileError, match="The layers of a albert are not known"), compiled(base.load_encoder(shared)):
        pytest.fail("there is nothing to compile")


def test_private_training_goes_without():
    with pytest.raises(PrivacyError, match="set compile to false"):
        train_privately(
            None, None, toy_pairs(64, 1), toy_pairs(64, 2), Task("binary"), Budget(8.0, 1e-5), steps=2, batch_rows=32,
            settings=TrainSettings(compile=True), device=choose_device("fp32", 1), checkpoints="",
        )  # fmt: skip

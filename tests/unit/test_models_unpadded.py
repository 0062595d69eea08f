import copy
from contextlib import nullcontext

import pytest
import torch
from torch.nn import functional
from torch.nn.attention import varlen
from transformers import BertConfig, ElectraConfig, RobertaConfig

from workbench.models import base, methods
from workbench.models import unpadded as module
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device, choose_device
from workbench.models.pretraining.masked import masked_loss
from workbench.models.unpadded import can_unpad, unpadded, without_padding

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
CONFIGS = [
    BertConfig(vocab_size=90, **SIZES),
    RobertaConfig(vocab_size=90, pad_token_id=0, **SIZES),
    ElectraConfig(vocab_size=90, embedding_size=16, **SIZES),
]
GPU = Device(torch.device("cuda"), torch.bfloat16, 1, "")


def batch(lengths=(3, 9, 1, 6)):
    width = max(lengths) + 2
    seen = torch.arange(width) < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, 90, (len(lengths), width), generator=torch.Generator().manual_seed(0))
    types = (torch.arange(width) >= 2).long().expand(len(lengths), width) * seen
    return {"input_ids": torch.where(seen, ids, 0), "attention_mask": seen.long(), "token_type_ids": types}


def both(model, compute):
    """What `compute` gives, and the gradients of its square: with padding and without."""
    found = []
    for padding in (nullcontext(), unpadded(model)):
        model.zero_grad()
        with padding:
            value = compute()
            value.square().sum().backward()
        gradients = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
        found.append((value.detach(), gradients))
    return found


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_without_padding_logits_and_gradients_are_the_same(config):
    torch.manual_seed(0)
    model, rows = TextClassifier(config).eval(), batch()
    one, other = both(model, lambda: model(**rows).logits)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_without_padding_the_loss_of_masked_words_is_the_same(config):
    model, rows = base.load_masked_lm(config, 0).eval(), batch()
    masked = rows["attention_mask"].bool() & (torch.arange(rows["input_ids"].shape[1]) % 3 == 1)
    rows |= {"masked": masked, "labels": rows["input_ids"], "scale": torch.full((len(masked),), 0.1)}
    one, other = both(model, lambda: masked_loss(model, rows))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_pooler_reads_the_first_token_of_each_row():
    encoder, rows = base.load_encoder(CONFIGS[0]).eval(), batch()
    one, other = both(encoder, lambda: encoder(**rows).pooler_output)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.fixture
def kernel(monkeypatch):
    """The kernel that a GPU has for rows of varying length, as the same operator on a processor; it counts its rows."""
    seen = []

    def forward(q, k, v, ends, _ends, longest, _longest, is_causal, *_):
        assert {each.dtype for each in (q, k, v)} == {torch.bfloat16}
        assert all(each.is_contiguous() for each in (q, k, v))
        assert ends.dtype == torch.int32
        assert ends.diff().max() <= longest
        assert not is_causal
        seen.append(len(ends) - 1)
        found = torch.empty_like(q)
        for a, b in pairs(ends):
            own = (each[a:b].transpose(0, 1).float() for each in (q, k, v))
            found[a:b] = functional.scaled_dot_product_attention(*own).transpose(0, 1).to(q.dtype)
        return found, torch.zeros(q.shape[1], len(q)), torch.zeros(2, dtype=torch.uint64)

    def backward(gradient, q, k, v, _out, _lse, ends, *_):
        found = [torch.empty_like(each) for each in (q, k, v)]
        for a, b in pairs(ends):
            x, y, z, g = (each[a:b].transpose(0, 1).float() for each in (q, k, v, gradient))
            share = (x @ y.mT * x.shape[-1] ** -0.5).softmax(-1)
            to_share = g @ z.mT
            to_score = share * (to_share - (to_share * share).sum(-1, keepdim=True)) * x.shape[-1] ** -0.5
            for into, own in zip(found, (to_score @ y, to_score.mT @ x, share.mT @ g), strict=True):
                into[a:b] = own.transpose(0, 1).to(q.dtype)
        return tuple(found)

    varlen._varlen_attn.register_kernel("cpu", forward)
    varlen._varlen_attn_backward.register_kernel("cpu", backward)
    monkeypatch.setattr(module, "_by_mask", module._by_kernel)
    return seen


def pairs(ends):
    return list(zip(ends.tolist()[:-1], ends.tolist()[1:], strict=True))


@pytest.mark.parametrize("method", ["full", "lora", "dora", "adalora", "ia3", "adapter"])
def test_the_kernel_gets_what_it_takes_with_every_method(kernel, method):
    torch.manual_seed(0)
    model, rows = TextClassifier(copy.deepcopy(CONFIGS[0])).eval(), batch()  # its method is named in its config
    methods.adapt(model, method, steps=20)

    def compute():
        with torch.autocast("cpu", torch.bfloat16):
            return model(**rows).logits

    (one, gradients), (other, same) = both(model, compute)
    torch.testing.assert_close(one, other, rtol=0.02, atol=1e-3)
    for name, gradient in gradients.items():
        assert (same[name] - gradient).norm() <= 0.05 * gradient.norm() + 1e-4, name
    assert kernel == [len(rows["input_ids"])] * 2


def test_the_kernel_gets_bf16_where_a_method_scales_keys_in_float32(kernel):
    ends = torch.tensor([0, 3, 5], dtype=torch.int32)
    q, k, v = (torch.randn(5, 2, 16).to(dtype) for dtype in (torch.bfloat16, torch.float32, torch.float32))
    assert module._by_kernel(q, k, v, ends, 3).dtype == torch.bfloat16
    assert kernel == [2]


def test_the_kernel_scores_with_weights_in_bf16(kernel):
    rows = batch()
    model = choose_device("bf16", 1).compact(TextClassifier(CONFIGS[0]))
    with torch.inference_mode():
        torch.testing.assert_close(inside(model, rows), model(**rows).logits, rtol=0.02, atol=1e-3)
    assert kernel == [len(rows["input_ids"])] * 2


def test_the_kernel_in_a_compiled_layer_is_one_graph_for_all_shapes(kernel):
    torch._dynamo.reset()
    counted = torch._dynamo.utils.counters
    counted.clear()
    model = TextClassifier(CONFIGS[0])
    for layer in methods.blocks(model):
        layer.compile(backend="aot_eager")
    with unpadded(model), torch.autocast("cpu", torch.bfloat16):
        for lengths in ((3, 9, 1, 6), (2, 2, 5), (12, 3, 4, 4, 1), (5, 1), (7, 7, 7)):
            model(**batch(lengths)).logits.sum().backward()
    assert not counted["graph_break"]
    assert counted["stats"]["unique_graphs"] <= 3  # of the first shape, and of any


def inside(model, rows):
    with unpadded(model):
        return model(**rows).logits


def test_rows_do_not_see_each_other():
    model, rows = TextClassifier(CONFIGS[0]).eval(), batch()
    other = {name: value.clone() for name, value in rows.items()}
    other["input_ids"][0, :3] = 7
    changed = (inside(model, rows) - inside(model, other)).abs()[:, 0] > 1e-6
    assert changed.tolist() == [True, False, False, False]


def test_afterwards_the_model_is_as_it_was():
    model = TextClassifier(CONFIGS[0]).eval()
    before = model.base_model.config._attn_implementation
    inside(model, batch())
    assert model.base_model.config._attn_implementation == before
    assert not model.base_model._forward_pre_hooks
    assert not model.base_model._forward_hooks


def test_heads_that_the_kernel_does_not_compute_are_left_alone():
    for hidden, heads, can in ((48, 2, True), (20, 2, False), (528, 2, False)):
        sizes = {"hidden_size": hidden, "num_attention_heads": heads, "num_hidden_layers": 1, "intermediate_size": 8}
        assert can_unpad(TextClassifier(BertConfig(vocab_size=90, **sizes))) is can


@pytest.mark.parametrize(("has_bf16", "unpads"), [(True, True), (False, False)])
def test_only_a_gpu_with_bf16_reads_without_padding(has_bf16, unpads, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    model = TextClassifier(CONFIGS[0])
    with without_padding(model, GPU):
        assert bool(model.base_model._forward_pre_hooks) is unpads
        with without_padding(model, GPU):  # as the scoring within a training
            assert len(model.base_model._forward_pre_hooks) == unpads


def test_what_reads_ahead_or_adds_places_is_left_alone():
    model = TextClassifier(CONFIGS[0])
    assert can_unpad(model)
    model.config.method = {"name": "prefix", "options": {}}
    assert not can_unpad(model)
    tokenizer = base.load_tokenizer("tiny")
    assert not can_unpad(base.load_causal_lm(base.scratch_config("gpt2", tokenizer, hidden=16, layers=1, heads=2)))

import pytest
import torch
from transformers import BertConfig, ElectraConfig, RobertaConfig

from workbench.models import base
from workbench.models.classifier import TextClassifier
from workbench.models.unpadded import can_unpad, unpadded

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
CONFIGS = [
    BertConfig(vocab_size=90, **SIZES),
    RobertaConfig(vocab_size=90, pad_token_id=0, **SIZES),
    ElectraConfig(vocab_size=90, embedding_size=16, **SIZES),
]


def batch(lengths=(3, 9, 1, 6)):
    width = max(lengths) + 2
    seen = torch.arange(width) < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, 90, (len(lengths), width), generator=torch.Generator().manual_seed(0))
    types = (torch.arange(width) >= 2).long().expand(len(lengths), width) * seen
    return {"input_ids": torch.where(seen, ids, 0), "attention_mask": seen.long(), "token_type_ids": types}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_without_padding_logits_and_gradients_are_the_same(config):
    torch.manual_seed(0)
    model, rows = TextClassifier(config).eval(), batch()
    found = []
    for read in (lambda: model(**rows).logits, lambda: inside(model, rows)):
        model.zero_grad()
        logits = read()
        logits.square().sum().backward()
        found.append((logits.detach(), [value.grad.clone() for value in model.parameters() if value.grad is not None]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


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


def test_what_reads_ahead_or_adds_places_is_left_alone():
    model = TextClassifier(CONFIGS[0])
    assert can_unpad(model)
    model.config.method = {"name": "prefix", "options": {}}
    assert not can_unpad(model)
    tokenizer = base.load_tokenizer("tiny")
    assert not can_unpad(base.load_causal_lm(base.scratch_config("gpt2", tokenizer, hidden=16, layers=1, heads=2)))

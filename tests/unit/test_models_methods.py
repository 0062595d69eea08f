"""Every method trains what it says it trains, begins at the base model, and comes back from files as it was."""

from pathlib import Path

import pytest
import torch
from transformers import DistilBertConfig, ElectraConfig, GPT2Config, RobertaConfig, TrainerState

from workbench.models import base, methods
from workbench.models.classifier import TextClassifier

NAMES = sorted(methods.METHODS)
ADDING = [name for name in NAMES if name not in ("full", "head")]
SMALL = {"vocab_size": 200, "num_labels": 3}
BERT_LIKE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
FAMILIES = {
    "roberta": RobertaConfig(**SMALL, **BERT_LIKE, pad_token_id=1, type_vocab_size=1),
    "electra": ElectraConfig(**SMALL, **BERT_LIKE, embedding_size=32),
    "distilbert": DistilBertConfig(**SMALL, dim=32, n_layers=2, n_heads=2, hidden_dim=64),
    "gpt2": GPT2Config(**SMALL, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0),
}


def start(outputs: int = 3) -> TextClassifier:
    return base.load_classifier("tiny", seed=3, outputs=outputs)


def rows(words: int = 200) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(2, words, (8, 12), generator=generator)
    seen = (torch.arange(12) < torch.randint(4, 13, (8, 1), generator=generator)).long()
    types = ((torch.arange(12) > 1) & (torch.arange(8) % 2 == 0)[:, None]).long() * seen
    return {"input_ids": ids, "attention_mask": seen, "token_type_ids": types}


@torch.no_grad()
def scores(model: TextClassifier) -> torch.Tensor:
    return model.eval()(**rows()).logits


def learn(model: TextClassifier, adaptation: methods.Adaptation, steps: int = 30, rate: float = 0.02) -> list[float]:
    """Trains, without dropout, to tell the rows apart; returns the losses."""
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer, losses = torch.optim.AdamW(free, lr=rate, weight_decay=0.0), []
    for step in range(steps):
        loss = torch.nn.functional.cross_entropy(model.eval()(**rows()).logits, torch.arange(8) % 3)
        (loss + adaptation.penalty() if adaptation.penalty else loss).backward()
        optimizer.step()
        for callback in adaptation.callbacks:
            callback.on_optimizer_step(None, TrainerState(global_step=step), None)
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", [name for name in NAMES if name != "prompt"])
def test_the_first_step_starts_from_the_base_model(name: str) -> None:
    plain, model = start(), start()
    methods.adapt(model, name, steps=30)
    torch.testing.assert_close(scores(model), scores(plain), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_and_moves_no_weight_that_is_frozen(name: str) -> None:
    model = start()
    adaptation = methods.adapt(model, name, steps=30)
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    losses = learn(model, adaptation)
    assert losses[-1] < 0.9 * losses[0]
    changed = {key for key, value in model.named_parameters() if not torch.equal(value, before[key])}
    free = methods.trained(model).keys()
    assert changed <= free
    assert all("lora_E" in key for key in free - changed), "but where AdaLoRA cuts all ranks of a layer"
    encoder = {key for key in changed if not key.startswith("classifier.")}
    assert bool(encoder) == (name != "head")
    share = sum(value.numel() for value in methods.trained(model).values()) / model.num_parameters()
    assert share == 1 or name == "full" or share < 0.3


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_back_from_files_with_the_same_scores(name: str, tmp_path: Path) -> None:
    model = start()
    learn(model, methods.adapt(model, name, steps=30))
    size = methods.save_trained(model, tmp_path / "trained.safetensors")
    whole = base.save_model(model, base.load_tokenizer("tiny"), tmp_path / "model")
    torch.testing.assert_close(scores(base.load_classifier(whole)), scores(model), atol=1e-6, rtol=0)
    assert name == "full" or size < 0.5 * (whole / "model.safetensors").stat().st_size


@pytest.mark.parametrize("name", NAMES)
def test_merged_it_is_a_plain_model_with_the_same_scores(name: str, tmp_path: Path) -> None:
    model = start()
    learn(model, methods.adapt(model, name, steps=30))
    learned = scores(model)
    if hasattr(model.config, "method") and not methods.METHODS[name].merges:
        with pytest.raises(methods.MethodError, match=f"{name} does not merge .* lora"):
            methods.merge(model)
        return
    methods.merge(model)
    torch.testing.assert_close(scores(model), learned, atol=1e-5, rtol=0)
    assert model.state_dict().keys() == start().state_dict().keys()
    folder = base.save_model(model, base.load_tokenizer("tiny"), tmp_path)
    torch.testing.assert_close(scores(base.load_classifier(folder)), learned, atol=1e-5, rtol=0)


def test_adalora_cuts_the_ranks_that_matter_least() -> None:
    model = start()
    adaptation = methods.adapt(model, "adalora", {"rank": 4, "layers": "attention"}, steps=30)
    learn(model, adaptation)
    ranks = [int((value != 0).sum()) for key, value in model.named_parameters() if "lora_E" in key]
    assert sum(ranks) == 4 * len(ranks)
    assert len(set(ranks)) > 1, "all layers keep the same rank, as in plain LoRA"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NAMES)
def test_other_families_are_adapted_too(family: str, name: str, tmp_path: Path) -> None:
    config = FAMILIES[family]
    torch.manual_seed(3)
    model = TextClassifier(config).eval()
    model.save_pretrained(tmp_path)
    if name == "prefix" and family in ("distilbert", "gpt2"):
        with pytest.raises(methods.MethodError, match=f"prefix does not know the layers of a {family}: use lora"):
            methods.adapt(model, name)
        return
    again = base.load_classifier(tmp_path)
    methods.adapt(again, name, steps=10)
    if name != "prompt":
        torch.testing.assert_close(scores(again), scores(model), atol=1e-6, rtol=0)
    losses = learn(again, methods.Adaptation(), steps=10)
    assert losses[-1] < losses[0]


def test_a_config_serves_many_models() -> None:
    config = start().config
    one = base.load_classifier(config, outputs=3)
    methods.adapt(one, "lora")
    other = base.load_classifier(config, outputs=3)
    assert not any("lora" in name for name, _ in other.named_parameters())
    methods.adapt(other, "adapter")
    assert not any("lora" in name for name, _ in other.named_parameters())


def test_a_model_that_is_not_merged_is_no_base_model(tmp_path: Path) -> None:
    model = start()
    methods.adapt(model, "lora")
    base.save_model(model, base.load_tokenizer("tiny"), tmp_path)
    for load in (base.load_encoder, base.load_masked_lm):
        with pytest.raises(base.BaseModelError, match=r"fine-tuned by lora and not merged"):
            load(tmp_path)
    folder = base.save_model(methods.merge(model), base.load_tokenizer("tiny"), tmp_path / "merged")
    assert base.load_encoder(folder).config.model_type == "bert"


def test_a_prompt_leaves_room_for_its_text() -> None:
    model = start()
    methods.adapt(model, "prompt", {"size": 16})
    long = {name: value[:, :1].repeat(1, 510) for name, value in rows().items()}
    with pytest.raises(ValueError, match="set max_length to 496 or less"):
        model(**long)


def test_what_is_not_known_is_said() -> None:
    with pytest.raises(methods.MethodError, match="no method 'lorra', did you mean 'lora'"):
        methods.adapt(start(), "lorra")
    with pytest.raises(methods.MethodError, match="no option 'ranks', did you mean 'rank'"):
        methods.adapt(start(), "lora", {"ranks": 4})
    with pytest.raises(methods.MethodError, match="layers is 'some'"):
        methods.adapt(start(), "lora", {"layers": "some"})

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import BertForMaskedLM

from workbench.models import base
from workbench.models.device import choose_device
from workbench.models.pretraining import held_out, held_out_batches, masked_loss, pretrain, text_rows, training_batches
from workbench.models.training import TrainSettings

TEXTS = [f"{a} {b} private" for a in ("milk", "bread", "cheese", "soup") for b in ("1 gal", "8 oz", "22 lb")] * 5


@pytest.fixture(scope="module")
def tokenizer():
    return base.load_tokenizer("tiny", max_length=32)


def batches(tokenizer, tokens=3000, seed=1):
    return training_batches(tokenizer, TEXTS, max_tokens=tokens, batch_tokens=256, seed=seed)


def test_masks_are_fifteen_percent_split_80_10_10(tokenizer):
    text = [" ".join(["milk bread soup cheese rice"] * 20)] * 200
    batch = held_out_batches(base.load_tokenizer("tiny", 128), text, batch_tokens=10**6, seed=1)[0]
    masked, shown, labels = (batch[name] for name in ("masked", "input_ids", "labels"))
    assert (masked.sum(1) == 15).all()
    assert not (masked & torch.isin(labels, torch.tensor(tokenizer.all_special_ids))).any()
    assert torch.equal(shown[~masked], labels[~masked])
    share = (shown[masked] == tokenizer.mask_token_id).float().mean(), (shown == labels)[masked].float().mean()
    assert share == (pytest.approx(0.8, abs=0.03), pytest.approx(0.1, abs=0.03))


def test_every_row_has_a_mask_and_a_batch_is_a_function_of_its_number(tokenizer):
    one, other = batches(tokenizer), batches(tokenizer)
    assert all(one[n]["masked"].any(1).all() for n in range(len(one)))
    assert all(torch.equal(one[3][name], other[3][name]) for name in one[3])
    assert not torch.equal(one[3]["masked"], batches(tokenizer, seed=2)[3]["masked"])
    assert one.tokens().sum() >= 3000


def test_long_texts_go_on_in_further_rows(tokenizer):
    rows = text_rows(tokenizer, ["milk " * 100])
    assert [len(row) for row in rows] == [32, 32, 32, 12]
    assert tokenizer.decode([n for row in rows for n in row], skip_special_tokens=True).split() == ["milk"] * 100


def test_decoding_the_masked_positions_is_decoding_all_and_choosing(tokenizer):
    model = base.load_masked_lm("tiny", seed=3)
    whole = BertForMaskedLM(model.config).eval()
    missing = whole.load_state_dict(model.state_dict(), strict=False)
    assert not missing.missing_keys
    batch = batches(tokenizer)[0]
    with torch.inference_mode():
        logits = whole(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        expected = cross_entropy(logits[batch["masked"]], batch["labels"][batch["masked"]])
        assert float(masked_loss(model, batch)) == pytest.approx(float(expected), abs=1e-5)


def test_training_lowers_the_held_out_loss_and_hands_on_the_whole_encoder(tokenizer, tmp_path):
    device = choose_device("fp32", 1)
    model = base.load_masked_lm("tiny", seed=3)
    pooler = model.bert.pooler.dense.weight.clone()
    valid, judged = (held_out_batches(tokenizer, TEXTS[at:12:2], batch_tokens=256, seed=9) for at in (0, 1))
    result, table = pretrain(
        model, batches(tokenizer, 12_000), valid, judged, device=device, checkpoints=tmp_path / "checkpoint",
        settings=TrainSettings(learning_rate=3e-3, evaluations=2),
    )  # fmt: skip
    assert table.loc["before", "loss"] == pytest.approx(np.log(30522), abs=0.3)
    assert table.loc["after", "loss"] < table.loc["before", "loss"] - 2
    assert table.loc["after", "masked_accuracy"] > 0.3
    # chosen by the one, judged by the other
    assert held_out(model, valid, device)["loss"] == pytest.approx(result.best)
    assert held_out(model, judged, device)["loss"] == pytest.approx(table.loc["after", "loss"])
    assert table.loc["after", "loss"] != pytest.approx(result.best)
    assert table["perplexity"].to_numpy() == pytest.approx(np.exp(table["loss"].to_numpy()))
    folder = base.save_model(model, tokenizer, tmp_path / "model")
    again = base.load_masked_lm(folder)
    assert held_out(again, judged, device)["loss"] == pytest.approx(table.loc["after", "loss"], abs=1e-6)
    classifier = base.load_classifier(folder)
    assert torch.equal(classifier.bert.pooler.dense.weight, pooler)
    assert torch.equal(classifier.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)

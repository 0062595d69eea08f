"""The objectives of pretraining: what is hidden, what is guessed, and that a model learns by each of them."""

from dataclasses import replace
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import BertForMaskedLM, DistilBertConfig

from workbench.models import base
from workbench.models.device import Device, choose_device
from workbench.models.loop import TrainSettings
from workbench.models.pretraining import BLIND, OBJECTIVES, Amount, Pretrained, pretrain, start
from workbench.models.pretraining.causal import CausalBatches, causal_blindly, causal_loss, causal_numbers
from workbench.models.pretraining.contrastive import (
    contrastive_blindly,
    contrastive_loss,
    contrastive_numbers,
    paired_batches,
)
from workbench.models.pretraining.guesses import blind_numbers
from workbench.models.pretraining.masked import (
    MaskedBatches,
    masked_blindly,
    masked_logits,
    masked_loss,
    masked_numbers,
)
from workbench.models.pretraining.material import Held, material
from workbench.models.pretraining.rows import Rows, held_out_rows, packed_rows, separate_rows, training_rows
from workbench.models.vocabulary import continues, train_tokenizer

THINGS, SIZES = ("milk", "bread", "cheese", "soup"), ("1 gal", "8 oz", "22 lb")
TEXTS = [f"{a} {b} private" for a in THINGS for b in SIZES] * 5


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return base.load_tokenizer("tiny", max_length=32)


@pytest.fixture(scope="module")
def device() -> Any:
    return choose_device("fp32", 1)


def batches(tokenizer: Any, tokens: int = 3000, seed: int = 1, whole_words: bool = False) -> MaskedBatches:
    rows = training_rows(tokenizer, TEXTS, max_tokens=tokens, batch_tokens=256, seed=seed)
    return MaskedBatches(rows, tokenizer, seed, whole_words)


def learned(objective: str, where: Any, tokenizer: Any, held: Held[Any], folder: Path, rate: float) -> Pretrained:
    return pretrain(
        objective, where, tokenizer, held, Amount(12_000, 256, seed=1), checkpoints=folder / "checkpoint",
        settings=TrainSettings(learning_rate=rate, evaluations=2), device=choose_device("fp32", 1),
    )  # fmt: skip


# ---- rows


def test_long_texts_go_on_in_further_rows(tokenizer: Any) -> None:
    rows = separate_rows(tokenizer, ["milk " * 100])
    assert [len(row) for row in rows] == [32, 32, 32, 12]
    assert tokenizer.decode([n for row in rows for n in row], skip_special_tokens=True).split() == ["milk"] * 100


def test_packed_rows_are_full_and_hold_all_texts_in_order(tokenizer: Any) -> None:
    rows = packed_rows(tokenizer, TEXTS)
    assert {len(row) for row in rows[:-1]} == {32}
    apart = tokenizer.decode([n for row in rows for n in row[1:-1]]).split("[SEP]")
    assert [text.strip() for text in apart] == TEXTS
    held = training_rows(tokenizer, TEXTS, max_tokens=500, batch_tokens=128, seed=1, packed=True)
    assert held.tokens().sum() >= 500


# ---- masks


def test_masks_are_fifteen_percent_split_80_10_10(tokenizer: Any) -> None:
    text = [" ".join(["milk bread soup cheese rice"] * 20)] * 200
    long = base.load_tokenizer("tiny", 128)
    batch = MaskedBatches(held_out_rows(long, text, batch_tokens=10**6), long, 1)[0]
    masked, shown, labels = (batch[name] for name in ("masked", "input_ids", "labels"))
    assert (masked.sum(1) == 15).all()
    assert not (masked & torch.isin(labels, torch.tensor(tokenizer.all_special_ids))).any()
    assert torch.equal(shown[~masked], labels[~masked])
    share = (shown[masked] == tokenizer.mask_token_id).float().mean(), (shown == labels)[masked].float().mean()
    assert share == (pytest.approx(0.8, abs=0.03), pytest.approx(0.1, abs=0.03))


def test_whole_words_are_hidden_with_all_their_pieces(tokenizer: Any) -> None:
    text = ["milk unforgettableness bread supercalifragilistic soup"] * 50
    inside = torch.tensor(continues(tokenizer))
    parts = MaskedBatches(held_out_rows(tokenizer, text, batch_tokens=10**6), tokenizer, 1, whole_words=True)[0]
    masked, goes_on = parts["masked"], inside[parts["labels"]]
    assert goes_on.any()
    assert torch.equal(masked[:, 1:][goes_on[:, 1:]], masked[:, :-1][goes_on[:, 1:]]), "a word is hidden in part"
    assert len({tuple(row.tolist()) for row in masked}) > 3
    pieces = MaskedBatches(held_out_rows(tokenizer, text, batch_tokens=10**6), tokenizer, 1)[0]["masked"]
    assert not torch.equal(pieces[:, 1:][goes_on[:, 1:]], pieces[:, :-1][goes_on[:, 1:]])


def test_every_row_has_a_mask_and_a_batch_is_a_function_of_its_number(tokenizer: Any) -> None:
    for whole in (False, True):
        one, other = batches(tokenizer, whole_words=whole), batches(tokenizer, whole_words=whole)
        assert all(one[n]["masked"].any(1).all() for n in range(len(one)))
        assert all(torch.equal(one[3][name], other[3][name]) for name in one[3])
        assert not torch.equal(one[3]["masked"], batches(tokenizer, seed=2, whole_words=whole)[3]["masked"])
        assert one.tokens().sum() >= 3000


def test_decoding_the_masked_places_is_decoding_all_and_choosing(tokenizer: Any) -> None:
    model = base.load_masked_lm("tiny", seed=3)
    whole = BertForMaskedLM(model.config).eval()
    missing = whole.load_state_dict(model.state_dict(), strict=False)
    assert not missing.missing_keys
    batch = batches(tokenizer)[0]
    with torch.inference_mode():
        logits = whole(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        expected = cross_entropy(logits[batch["masked"]], batch["labels"][batch["masked"]])
        assert float(masked_loss(model, batch)) == pytest.approx(float(expected), abs=1e-5)


def test_another_family_is_decoded_in_the_same_way(tokenizer: Any) -> None:
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    model, batch = base.load_masked_lm(config, seed=3), batches(tokenizer)[0]
    with torch.inference_mode():
        whole = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        torch.testing.assert_close(masked_logits(model, batch), whole[batch["masked"]])


# ---- objectives


def test_masked_training_lowers_the_held_out_loss_and_hands_on_the_whole_encoder(
    tokenizer: Any, device: Any, tmp_path: Path
) -> None:
    pooler = base.load_encoder("tiny", seed=1).pooler.dense.weight
    choosing, judging = TEXTS[0:12:2], TEXTS[1:12:2]
    found = learned("mlm", "tiny", tokenizer, Held(TEXTS, choosing, judging), tmp_path, 3e-3)
    model, result, table = found.model, found.result, found.table
    assert table.loc["before", "loss"] == pytest.approx(np.log(30522), abs=0.3)
    assert table.loc["after", "loss"] < table.loc["before", "loss"] - 2
    assert table.loc["after", "loss"] < table.loc[BLIND, "loss"] < table.loc["before", "loss"] - 2
    assert (found.fresh, found.better, found.judged) == ("weights", "loss", table.loc["after", "guessed"])
    first = result.curve.iloc[0]
    assert (first["step"], first["tokens"]) == (0, 0)
    assert first["eval_loss"] == pytest.approx(np.log(30522), abs=0.3)
    assert first["eval_loss"] > found.blind > result.best
    assert table.loc["after", "masked_accuracy"] > 0.3
    # chosen by the one, judged by the other
    chosen, judged = (
        MaskedBatches(held_out_rows(tokenizer, texts, batch_tokens=256), tokenizer, 1) for texts in (choosing, judging)
    )
    assert masked_numbers(model, chosen, device)["loss"] == pytest.approx(result.best)
    assert masked_numbers(model, judged, device)["loss"] == pytest.approx(table.loc["after", "loss"])
    assert table.loc["after", "loss"] != pytest.approx(result.best)
    assert table["perplexity"].to_numpy() == pytest.approx(np.exp(table["loss"].to_numpy()))
    folder = base.save_model(model, tokenizer, tmp_path / "model")
    again = base.load_masked_lm(folder)
    assert masked_numbers(again, judged, device)["loss"] == pytest.approx(table.loc["after", "loss"], abs=1e-6)
    classifier = base.load_classifier(folder)
    assert torch.equal(classifier.bert.pooler.dense.weight, pooler)
    assert torch.equal(classifier.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)


def given(objective: str) -> tuple[Any, Any, Held[Any]]:
    """From where each objective starts, the tokenizer, and what it reads."""
    texts: Any = Held(TEXTS, TEXTS[0:12:2], TEXTS[1:12:2])
    if objective == "clm":
        own = train_tokenizer(TEXTS * 20, "bpe", 400, max_length=32)
        return base.scratch_config("gpt2", own, hidden=32, layers=1, heads=2), own, texts
    if objective == "classification":
        rows = pd.DataFrame({"context": TEXTS, "label": [text.split()[0] for text in TEXTS]})
        texts = Held(rows, rows[:12:2], rows[1:12:2])
    if objective == "contrastive":
        texts = Held(pairs(), pairs()[:6], pairs()[6:])
    return "tiny", base.load_tokenizer("tiny", max_length=32), texts


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_model_that_was_judged_first_can_be_trained(objective: str, tmp_path: Path, monkeypatch: Any) -> None:
    """The numbers before are the first to move it to a GPU, which makes other tensors of its weights."""
    monkeypatch.setattr(Device, "place", lambda _, model: model._apply(torch.clone).eval())
    found = learned(objective, *given(objective), tmp_path, 3e-3)
    assert not any(weight.is_inference() for weight in found.model.parameters())


@pytest.mark.parametrize("objective", ["mlm", "clm"])
def test_guesses_are_judged_in_halves_where_memory_is_full(objective: str, device: Any, monkeypatch: Any) -> None:
    where, own, held = given(objective)
    rows = held_out_rows(own, held.judging, batch_tokens=10**6)
    if objective == "mlm":
        model, numbers = base.load_masked_lm(where), partial(masked_numbers, batches=MaskedBatches(rows, own, 1))
    else:
        model, numbers = base.load_causal_lm(where), partial(causal_numbers, batches=CausalBatches(rows, own))
    whole, forward, seen = numbers(model, device=device), model.forward, []

    def limited(**batch: torch.Tensor) -> Any:
        seen.append(len(batch["input_ids"]))
        if seen[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(**batch)

    monkeypatch.setattr(model, "forward", limited)
    assert numbers(model, device=device) == pytest.approx(whole, rel=1e-5)
    assert sorted(seen) == [1, 1, 2, 2, 3, 3, 6]


@pytest.mark.parametrize("objective", ["mlm", "contrastive"])
def test_checkpoints_that_other_rows_chose_are_not_resumed(objective: str, tokenizer: Any, tmp_path: Path) -> None:
    material = TEXTS if objective == "mlm" else pairs()
    half = len(material) // 2
    held = Held(material, material[: half // 2], material[half // 2 : half])
    other = replace(held, choosing=material[half:])
    found = [learned(objective, "tiny", tokenizer, each, tmp_path, 1e-3).result.best for each in (held, other)]
    assert found[1] == learned(objective, "tiny", tokenizer, other, tmp_path / "fresh", 1e-3).result.best != found[0]


def test_a_gpt_without_padding_goes_on_learning(tmp_path: Path) -> None:
    own = train_tokenizer(TEXTS * 20, "bpe", 400, max_length=32)
    config = base.scratch_config("gpt2", own, hidden=32, layers=1, heads=2)
    for name in ("pad_token", "cls_token", "sep_token", "mask_token"):
        setattr(own, name, None)
    own.bos_token = own.eos_token = "[SEP]"  # as published ones have it
    found = learned("clm", config, own, Held(TEXTS, TEXTS[0:12:2], TEXTS[1:12:2]), tmp_path, 1e-2)
    assert found.table.loc["after", "next_accuracy"] > found.table.loc["before", "next_accuracy"]


def test_a_gpt_of_random_weights_learns_the_next_word(tokenizer: Any, tmp_path: Path) -> None:
    own = train_tokenizer(TEXTS * 20, "bpe", 400, max_length=32)
    config = base.scratch_config("gpt2", own, hidden=32, layers=2, heads=2)
    found = learned("clm", config, own, Held(TEXTS, TEXTS[0:12:2], TEXTS[1:12:2]), tmp_path, 1e-2)
    assert found.table.loc["before", "loss"] == pytest.approx(np.log(len(own)), abs=0.3)
    assert found.table.loc["after", "next_accuracy"] > 0.5 > found.table.loc["before", "next_accuracy"]
    base.save_model(found.model, own, tmp_path / "model")
    classifier = base.load_classifier(tmp_path / "model", outputs=2)
    assert torch.equal(classifier.transformer.wte.weight, found.model.transformer.wte.weight)


def test_the_next_word_is_guessed_from_those_before_it_and_padding_counts_nothing() -> None:
    own = train_tokenizer(TEXTS * 20, "bpe", 400, max_length=32)
    model = base.load_causal_lm(base.scratch_config("gpt2", own, hidden=32, layers=1, heads=2), seed=1)
    whole = CausalBatches(held_out_rows(own, ["milk", TEXTS[0] + " " + TEXTS[5]], batch_tokens=10**6), own)[0]
    alone = [CausalBatches(held_out_rows(own, [text], batch_tokens=10**6), own)[0] for text in
             ("milk", TEXTS[0] + " " + TEXTS[5])]  # fmt: skip
    guessed = [float(1 / batch["scale"][0]) for batch in alone]
    with torch.inference_mode():
        losses = [float(causal_loss(model, batch)) for batch in alone]
        assert float(causal_loss(model, whole)) == pytest.approx(np.average(losses, weights=guessed), rel=1e-5)


def test_naming_the_class_of_a_text_is_learned(tokenizer: Any, tmp_path: Path) -> None:
    rows = pd.DataFrame({"context": TEXTS, "label": [text.split()[0] for text in TEXTS]})
    found = learned("classification", "tiny", tokenizer, Held(rows, rows[:12:2], rows[1:12:2]), tmp_path, 3e-3)
    assert found.table.loc["after", "accuracy"] > 0.9 > found.table.loc["before", "accuracy"]
    assert found.table.loc[BLIND, "log_loss"] == pytest.approx(np.log(len(THINGS)))
    assert found.blind == pytest.approx(np.log(len(THINGS)))
    assert found.judged == 6
    base.save_model(found.model, tokenizer, tmp_path / "model")
    assert base.load_masked_lm(tmp_path / "model").bert.embeddings.word_embeddings.weight.equal(
        found.model.embeddings.word_embeddings.weight
    )
    assert base.load_classifier(tmp_path / "model").classifier.out_features == 1


def pairs() -> pd.DataFrame:
    return pd.DataFrame({"context": ["something white", "a loaf", "what mice like", "hot from a bowl"] * 3,
                         "candidate": [f"{a} {b}" for b in SIZES for a in THINGS]})  # fmt: skip


def test_what_belongs_together_comes_nearer(tokenizer: Any, tmp_path: Path) -> None:
    found = learned("contrastive", "tiny", tokenizer, Held(pairs(), pairs()[:6], pairs()[6:]), tmp_path, 3e-3)
    assert found.table.loc["after", "loss"] < 0.5 * found.table.loc["before", "loss"]
    assert found.table.loc["after", "recall@1"] == 1 > found.table.loc["before", "mrr"]


def test_the_loss_is_that_of_sentence_transformers(tokenizer: Any) -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    different = pairs().drop_duplicates("context")
    batch = paired_batches(tokenizer, different, max_tokens=1, batch_tokens=4096, seed=1)[0]
    model = base.load_encoder("tiny", seed=2)
    with torch.inference_mode():
        ours = float(contrastive_loss(model, batch))
        vectors = [
            _mean(model, batch[ids], batch[seen])
            for ids, seen in (("input_ids", "attention_mask"), ("candidate_ids", "candidate_mask"))
        ]
        theirs = MultipleNegativesRankingLoss(torch.nn.Identity()).compute_loss_from_embeddings(vectors, None)
    assert ours == pytest.approx(float(theirs), abs=1e-5)


def _mean(model: Any, ids: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    hidden = model(input_ids=ids, attention_mask=seen).last_hidden_state
    return (hidden * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)


def test_a_pair_that_shares_its_context_is_no_negative(tokenizer: Any) -> None:
    shared = pairs()[pairs()["context"] == "a loaf"]
    batch = paired_batches(tokenizer, shared, max_tokens=1, batch_tokens=4096, seed=1)[0]
    with torch.inference_mode():
        assert float(contrastive_loss(base.load_encoder("tiny", seed=2), batch)) == pytest.approx(0, abs=1e-6)


def test_a_batch_holds_two_pairs_within_its_tokens(tokenizer: Any) -> None:
    for words in ("", " from the shelf below"):  # of at most 8 tokens, and of 9 and more, which padding makes 16
        found = paired_batches(tokenizer, pairs() + words, max_tokens=1000, batch_tokens=72, seed=1)
        for number in range(len(found)):
            assert len(found[number]["scale"]) >= 2
            assert sum(found[number][ids].numel() for ids in ("input_ids", "candidate_ids")) <= 72
    with pytest.raises(ValueError, match="No batch of 16 tokens holds 2 rows"):
        paired_batches(tokenizer, pairs(), max_tokens=1000, batch_tokens=16, seed=1)


def test_pairs_of_unlike_sides_are_read_to_the_last_token_that_was_asked_for(tokenizer: Any) -> None:
    named = pd.DataFrame(
        {"context": [f"milk {n}" for n in range(9)], "candidate": [f"bread {n} " * 9 for n in range(9)]}
    )
    found = paired_batches(tokenizer, named, max_tokens=2000, batch_tokens=64, seed=1)
    read = found.tokens()
    assert 2000 <= read.sum() < 2000 + read.max()
    assert {len(rows) for rows in found.plan} == {2}, "the ninth of a pass is alone, and teaches nothing"


def test_the_best_of_several_own_candidates_counts(tokenizer: Any, device: Any) -> None:
    model = base.load_encoder("tiny", seed=2)
    same = pd.DataFrame({"context": ["milk", "bread"], "candidate": ["milk", "bread"]})
    assert contrastive_numbers(model, tokenizer, same, device)["recall@1"] == 1
    more = pd.concat([same, pd.DataFrame({"context": ["milk"], "candidate": ["soup 22 lb private"]})])
    assert contrastive_numbers(model, tokenizer, more, device)["recall@1"] == 1


# ---- a blind guess


def test_a_blind_guess_has_the_shares_of_train(tokenizer: Any) -> None:
    """Three quarters of the tokens are milk: who says so has the entropy of that, and names milk."""
    milk, bread = (tokenizer.convert_tokens_to_ids(word) for word in ("milk", "bread"))
    train = Rows(separate_rows(tokenizer, ["milk milk milk bread"] * 50_000), [])
    held = MaskedBatches(held_out_rows(tokenizer, ["milk", "bread"], batch_tokens=10**6), tokenizer, 1)
    found = masked_blindly(held, train)
    assert found["loss"] == pytest.approx(-(np.log(0.75) + np.log(0.25)) / 2, abs=0.02)
    assert found["perplexity"] == pytest.approx(np.exp(found["loss"]))
    assert (found["guessed"], found["masked_accuracy"]) == (2, 0.5)
    uniform = blind_numbers(np.zeros(1000), [np.array([milk % 1000]), np.array([bread % 1000])], "accuracy")
    assert uniform["perplexity"] == pytest.approx(1000)


def test_a_blind_guess_of_the_next_token_knows_how_often_texts_end(tokenizer: Any) -> None:
    train = Rows(separate_rows(tokenizer, ["milk"] * 50_000), [])
    held = CausalBatches(held_out_rows(tokenizer, ["milk", "milk milk milk"], batch_tokens=10**6), tokenizer)
    found = causal_blindly(held, train)
    assert found["guessed"] == 6  # four tokens and two ends
    assert found["loss"] == pytest.approx(np.log(2), abs=0.05)


def test_by_chance_a_candidate_is_as_far_up_as_an_order_that_is_drawn(device: Any) -> None:
    few = pd.DataFrame({"context": ["a", "a", "b", "c"], "candidate": ["1", "2", "3", "4"]})
    places = []
    for order in permutations("1234"):
        place = {candidate: at for at, candidate in enumerate(order, 1)}
        places.append([min(place["1"], place["2"]), place["3"], place["4"]])
    drawn = np.array(places)
    found = contrastive_blindly(few)
    assert found["recall@1"] == pytest.approx((drawn == 1).mean())
    assert found["mrr"] == pytest.approx((1 / drawn).mean())
    assert found["recall@10"] == pytest.approx(1)
    assert found["loss"] == pytest.approx(np.log([3, 4, 4]).mean())


def test_what_is_random_at_the_start_is_known(tokenizer: Any, tmp_path: Path) -> None:
    assert base.load_masked_lm("tiny").fresh == "weights"
    base.save_model(base.load_encoder("tiny"), tokenizer, tmp_path / "encoder")
    assert base.load_masked_lm(tmp_path / "encoder").fresh == "head"
    assert base.load_encoder(tmp_path / "encoder").fresh == ""
    base.save_model(base.load_masked_lm("tiny"), tokenizer, tmp_path / "model")
    assert base.load_masked_lm(tmp_path / "model").fresh == ""


# ---- material and start


def tables() -> dict[str, pd.DataFrame]:
    split = [("train", "valid")[at % 4 == 3] for at in range(60)]
    corpus = pd.DataFrame({"doc_id": [f"item-{at}" for at in range(60)], "text": TEXTS, "split": split})
    items = pd.DataFrame({"title": [f"{text} {at}" for at, text in enumerate(TEXTS * 4)]})
    items["category"] = [
        f"Food > {text.split()[0]}" if at % 5 else "Drinks > milk" for at, text in enumerate(TEXTS * 4)
    ]
    items.loc[0, "category"] = "Odd > one"
    both = pd.DataFrame({"context": [f"who {at % 20}" for at in range(60)], "candidate": TEXTS, "split": split})
    return {"corpus": corpus, "items": items, "pairs": both.assign(label=[at % 3 for at in range(60)])}


@pytest.mark.parametrize("objective", ["mlm", "classification", "contrastive"])
def test_what_is_held_out_is_in_no_training(objective: str) -> None:
    held = material(objective, tables().__getitem__, docs=10, seed=1)
    parts = [held.train, held.choosing, held.judging]
    seen = [set(part if objective == "mlm" else part["context"]) for part in parts]
    assert all(seen)
    if objective != "mlm":  # of the corpus governance sees to it
        assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]
    assert len(parts[1]) + len(parts[2]) <= 10
    again = material(objective, tables().__getitem__, docs=10, seed=1)
    assert all(
        len(one) == len(other) for one, other in zip(parts, [again.train, again.choosing, again.judging], strict=True)
    )
    if objective == "classification":
        assert set(held.train["label"]) == {"Food", "Drinks"}, "a category of one product is no class"
    if objective == "contrastive":
        positive = tables()["pairs"].query("label >= 1")
        assert set(held.train["candidate"]) <= set(positive["candidate"])


def test_tables_that_hold_nothing_for_an_objective_are_said() -> None:
    held = tables()
    corpus = held["corpus"].iloc[:4]
    with pytest.raises(ValueError, match="1 texts are held out"):
        material("mlm", lambda _: corpus, docs=10, seed=1)
    few = held["pairs"].assign(context=lambda rows: rows["split"])
    with pytest.raises(ValueError, match="there are 1 different contexts"):
        material("contrastive", lambda _: few, docs=10, seed=1)
    held["items"]["category"] = "Food"
    held["pairs"]["label"] = 0
    with pytest.raises(ValueError, match="needs two categories of 10 products"):
        material("classification", held.__getitem__, docs=10, seed=1)
    with pytest.raises(ValueError, match="needs pairs that belong together"):
        material("contrastive", held.__getitem__, docs=10, seed=1)


def test_a_model_of_the_shops_own_starts_from_its_texts(tmp_path: Path) -> None:
    where, own = start("scratch", TEXTS * 5, {"hidden": 32, "layers": 1, "heads": 2, "pieces": 300}, 32)
    found = learned("mlm", where, own, Held(TEXTS, TEXTS[0:12:2], TEXTS[1:12:2]), tmp_path, 1e-2)
    assert found.table.loc["after", "loss"] < found.table.loc["before", "loss"] - 1
    folder = base.save_model(found.model, own, tmp_path / "model")
    assert base.weights_file(where) is None
    random = base.load_classifier(base.unadapted("scratch", folder), seed=1)
    adapted = base.load_classifier(folder, seed=1)
    assert base.shared_tokenizer([folder, base.unadapted("scratch", folder)]).get_vocab() == own.get_vocab()
    assert random.num_parameters() == adapted.num_parameters()
    assert not torch.equal(
        random.bert.embeddings.word_embeddings.weight, adapted.bert.embeddings.word_embeddings.weight
    )
    with pytest.raises(base.BaseModelError, match="no part 'layer', did you mean 'layers'"):
        start("scratch", TEXTS, {"layer": 2}, 32)


# ---- bad input


def test_what_cannot_be_learned_from_is_said(tokenizer: Any, device: Any, tmp_path: Path) -> None:
    def asked(objective: str, where: Any, train: Any) -> None:
        pretrain(
            objective, where, tokenizer, Held(train, train, train), Amount(100, 100, seed=1),
            settings=TrainSettings(), device=device, checkpoints=tmp_path,
        )  # fmt: skip

    with pytest.raises(ValueError, match="no objective 'mml': use mlm, clm"):
        asked("mml", "tiny", TEXTS)
    with pytest.raises(base.BaseModelError, match="A bert reads in both directions: use the objective mlm"):
        asked("clm", "tiny", TEXTS)
    gpt = base.scratch_config("gpt2", tokenizer, hidden=32, layers=1, heads=2)
    with pytest.raises(base.BaseModelError, match="A gpt2 guesses no masked words: use the objective clm"):
        asked("mlm", gpt, TEXTS)
    with pytest.raises(ValueError, match="at least two different pairs"):
        asked("contrastive", "tiny", pairs()[:1])
    with pytest.raises(ValueError, match="no text to train on"):
        asked("mlm", "tiny", [])
    for family, heads, said in (("t5", 2, "'t5' is not trained from scratch"), ("bert", 3, "3 heads do not divide")):
        with pytest.raises(base.BaseModelError, match=said):
            base.scratch_config(family, tokenizer, hidden=32, layers=1, heads=heads)

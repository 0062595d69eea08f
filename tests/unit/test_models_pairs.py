import json
import time

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from scipy.stats import kendalltau

from workbench.models import base, costs, methods
from workbench.models.baseline import constant, constant_loss, fit_tfidf
from workbench.models.batching import TextRows, cut_batches, plan_batches
from workbench.models.calibration import Calibration, calibrate, choose_threshold, platt, sigmoid
from workbench.models.comparison import (
    classification_report,
    compare,
    in_splits,
    reliability_table,
    sample_users,
    scored,
)
from workbench.models.device import Device, choose_device
from workbench.models.finetuning import BINARY, pair_scorer, task_loss, training_batches
from workbench.models.parts import MemoryFullError
from workbench.models.scoring import embed_texts, score_pairs
from workbench.models.text import bi_encoder, load_scorer

WORDS = ["milk", "bread", "apples", "cheese", "rice", "beans", "coffee", "tea", "soup", "pasta", "eggs", "butter"]
TEXTS = ["milk", "whole milk 1 gal private; bananas; shredded cheese 8 oz", "ice cream", "bananas 40 lb; " * 30, ""]


@pytest.fixture(scope="module")
def device():
    return choose_device("fp32", threads=1)


@pytest.fixture(scope="module")
def tokenizer():
    return base.load_tokenizer("tiny", max_length=64)


@pytest.fixture(scope="module")
def model():
    return base.load_classifier("tiny", seed=2)


# ---- base models and devices


def test_minilm_is_found_and_loads_with_a_pooler_from_its_file():
    encoder = base.load_encoder(base.find_base_model("minilm"), seed=1)
    other = base.load_encoder(base.find_base_model("minilm"), seed=2)
    assert sum(p.numel() for p in encoder.parameters()) == 22_713_216
    assert torch.equal(encoder.pooler.dense.weight, other.pooler.dense.weight)


def test_altered_weights_are_refused(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    save_file({"x": torch.zeros(1)}, tmp_path / "model" / "model.safetensors")
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    base._minilm_folder.cache_clear()
    with pytest.raises(base.BaseModelError, match="altered weights"):
        base.find_base_model("minilm")
    base._minilm_folder.cache_clear()


def test_a_relative_folder_is_found_from_the_project_too(tmp_path, monkeypatch):
    folder = tmp_path / "models" / "own"
    base.save_model(base.load_encoder("tiny"), base.load_tokenizer("tiny"), folder)
    (tmp_path / "parameters").mkdir()
    (tmp_path / "notebooks").mkdir()
    for here in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(here)
        found = base.find_base_model("models/own")
        assert base.weights_file(found) == folder / "model.safetensors"
        base.load_encoder(found)


def test_only_a_local_model_has_a_weights_file():
    assert base.weights_file(base.find_base_model("tiny")) is None
    assert base.weights_file("someone/some-model") is None
    assert base.weights_file(base.find_base_model("minilm")).name == "model.safetensors"


def test_models_of_different_vocabularies_do_not_share_a_tokenizer(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "same")
    assert base.shared_tokenizer([tmp_path / "same", "tiny"], 48).model_max_length == 48
    other = base.load_tokenizer("tiny")
    other.add_tokens(["oatmilk"])
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(base.BaseModelError, match=r"vocabularies of .* differ"):
        base.shared_tokenizer([tmp_path / "other", "tiny"])


def test_a_saved_model_scores_the_same(model, tokenizer, device, tmp_path):
    folder = base.save_model(model, tokenizer, tmp_path / "model")
    again = base.load_classifier(folder, seed=99)
    assert base.load_tokenizer(folder).model_max_length == tokenizer.model_max_length == 64
    scores = [score_pairs(m, base.load_tokenizer(folder), TEXTS, TEXTS[::-1], device) for m in (model, again)]
    np.testing.assert_allclose(*scores, atol=1e-6)  # the weights are equal to the bit, their places in memory are not
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["TextClassifier"]
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in model.state_dict().items())
    assert sorted(p.suffix for p in folder.glob("model*")) == [".safetensors"]


def test_precision_is_measured_once_a_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    gains = iter([1.9])
    monkeypatch.setattr("workbench.models.device.bf16_gain", lambda: next(gains))
    first, second = choose_device(), choose_device()
    assert first == second
    assert first.precision == "bf16"
    assert "1.9 times as fast" in first.reason
    assert choose_device("fp32").precision == "fp32"
    with pytest.raises(ValueError, match="use 'auto', 'fp32' or 'bf16'"):
        choose_device("fp8")


def test_a_remembered_precision_holds_for_auto_only(monkeypatch):
    monkeypatch.setattr("workbench.models.device.bf16_gain", lambda: pytest.fail("it measured again"))
    kept = choose_device("auto", 1, {"precision": "bf16"})
    assert (kept.precision, "as an earlier attempt chose" in kept.reason) == ("bf16", True)
    asked = choose_device("fp32", 1, {"precision": "bf16"})
    assert (asked.precision, "as the parameters ask" in asked.reason) == ("fp32", True)


@pytest.mark.parametrize(("slower", "chosen"), [(1.1, 4), (1.3, 2)])
def test_fewer_threads_are_taken_where_they_are_clearly_faster(tmp_path, monkeypatch, slower, chosen):
    given, asked, busy = torch.get_num_threads(), [], [10.0, 90.0]
    seconds = {4: slower, 2: 1.0, 1: 2.0}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("workbench.models.device.psutil.cpu_percent", lambda _: busy.pop())
    monkeypatch.setattr(
        "workbench.models.device._seconds", lambda _, threads: asked.append(threads) or seconds[threads]
    )
    try:
        torch.set_num_threads(4)
        assert choose_device("fp32").threads == 4  # a busy machine is not asked
        assert choose_device("fp32").threads == chosen
        assert set(asked) == {4, 2, 1}
        torch.set_num_threads(4)
        again = choose_device("fp32")
        assert ("of 4, which would be slower" in again.reason) == (chosen < 4)
        assert len(asked) == 45  # it measured once
        assert choose_device("fp32", threads=3).threads == torch.get_num_threads() == 3
        assert choose_device("fp32", 0, {"threads": 1}).threads == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(given)


def test_a_cpu_without_a_gain_stays_with_fp32(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "there"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("workbench.models.device.bf16_gain", lambda: 0.4)
    assert choose_device().precision == "fp32"


# ---- batches


def test_batches_keep_the_budget_and_take_every_row_once():
    lengths = np.random.default_rng(0).integers(3, 120, 500)
    batches = list(cut_batches(lengths, 512, np.argsort(lengths)))
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert max(len(rows) * (-(-lengths[rows].max() // 8) * 8) for rows in batches) <= 512
    padded = sum(len(rows) * lengths[rows].max() for rows in batches)
    assert lengths.sum() / padded > 0.95


def test_a_plan_is_seeded_covers_all_rows_and_ends_at_its_tokens():
    lengths = np.random.default_rng(0).integers(3, 60, 200)
    plan = plan_batches(lengths, 256, seed=1, max_tokens=2 * int(lengths.sum()))
    again = plan_batches(lengths, 256, seed=1, max_tokens=2 * int(lengths.sum()))
    assert all(np.array_equal(a, b) for a, b in zip(plan, again, strict=True))
    assert (np.bincount(np.concatenate(plan), minlength=200) == 2).all()
    short = plan_batches(lengths, 256, seed=1, max_tokens=1000)
    assert 1000 <= sum(lengths[rows].sum() for rows in short) < 1000 + 256
    assert [rows.tolist() for rows in short] == [rows.tolist() for rows in plan[: len(short)]]
    with pytest.raises(ValueError, match="no text to train on"):
        plan_batches(lengths[:0], 256, seed=1, max_tokens=10)


def test_pairs_are_assembled_as_the_tokenizer_does(tokenizer):
    a, b = TEXTS[1], TEXTS[2]
    batch = TextRows(tokenizer, [a], [b]).batch(np.array([0]))
    expected = tokenizer(a, b, return_tensors="pt", pad_to_multiple_of=8, padding=True)
    assert all(torch.equal(batch[name], expected[name]) for name in expected)


def test_a_long_pair_loses_the_end_of_its_context(tokenizer):
    texts = TextRows(base.load_tokenizer("tiny", 32), [TEXTS[3], "milk"], [TEXTS[2], TEXTS[3]])
    assert texts.lengths.tolist() == [32, 32]
    rows = texts.batch(np.arange(2))["input_ids"]
    assert tokenizer.decode(rows[0]).endswith("[SEP] ice cream [SEP]")
    assert (rows[:, -1] == tokenizer.sep_token_id).all()


# ---- scoring


def test_padding_and_batching_do_not_change_scores(model, tokenizer, device):
    pairs = [(a, b) for a in TEXTS for b in TEXTS]
    together = score_pairs(model, tokenizer, *zip(*pairs, strict=True), device)
    alone = [score_pairs(model, tokenizer, [a], [b], device)[0] for a, b in pairs]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.ptp(alone) > 1e-3  # and the order is not restored by chance


def test_equal_pairs_are_scored_once(model, tokenizer, device, monkeypatch):
    rows = []
    forward = model.bert.forward
    monkeypatch.setattr(model.bert, "forward", lambda **batch: rows.append(len(batch["input_ids"])) or forward(**batch))
    scores = score_pairs(model, tokenizer, TEXTS[:3] * 20, TEXTS[1:4] * 20, device)
    assert sum(rows) == 3
    np.testing.assert_array_equal(scores, np.tile(scores[:3], 20))
    with pytest.raises(ValueError, match="3 contexts and 2 candidates"):
        score_pairs(model, tokenizer, TEXTS[:3], TEXTS[:2], device)


def test_embeddings_are_the_normalised_mean_of_a_texts_tokens(tokenizer, device):
    encoder = base.load_encoder("tiny", seed=1)
    vectors = embed_texts(encoder, tokenizer, TEXTS, device, batch_tokens=64)
    with torch.inference_mode():
        mean = encoder(**tokenizer(TEXTS[1], return_tensors="pt")).last_hidden_state.mean(1)[0]
    np.testing.assert_allclose(vectors[1], (mean / mean.norm()).numpy(), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["pairs of a table", "a folder", "vectors"])
def test_a_model_is_made_ready_once_and_not_at_each_request(kind, model, tokenizer, tmp_path, monkeypatch):
    made, compact, small = [], Device.compact, choose_device("bf16", 1)
    monkeypatch.setattr(Device, "compact", lambda self, model: made.append(model) or compact(self, model))
    if kind == "pairs of a table":
        score = pair_scorer(model, tokenizer, small)
        asked = [pd.DataFrame({"context": TEXTS[:2], "candidate": TEXTS[at : at + 2]}) for at in range(3)]
        found = [score(pairs) for pairs in asked]
    elif kind == "a folder":
        score = load_scorer(base.save_model(model, tokenizer, tmp_path / "model"), small)
        found = [score(TEXTS[:2], TEXTS[at : at + 2]) for at in range(3)]
    else:
        embed = bi_encoder("tiny", small)
        found = [embed(TEXTS[at : at + 2]) for at in range(3)]
    assert all(np.isfinite(each).all() for each in found)
    assert len(made) == 1


def test_a_model_in_training_is_not_asked_for_scores(tokenizer, device):
    unready = base.load_classifier("tiny").train()
    for ask in (
        lambda: score_pairs(unready, tokenizer, ["milk"], ["bread"], device),
        lambda: embed_texts(unready.base_model, tokenizer, ["milk"], device),
    ):
        with pytest.raises(ValueError, match=r"in training, and dropout .* give device.compact\(model\)"):
            ask()
    score_pairs(device.compact(unready), tokenizer, ["milk"], ["bread"], device)


@pytest.fixture
def limited(monkeypatch):
    """Makes a model find memory full at more than so many rows."""

    def limit(model, rows):
        forward, seen = model.forward, []

        def first(*given, **batch):
            seen.append(len(batch["input_ids"]))
            if seen[-1] > rows:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(*given, **batch)

        monkeypatch.setattr(model, "forward", first)
        return seen

    return limit


def test_scoring_goes_on_in_halves_where_memory_is_full(tokenizer, device, limited):
    pairs = [f"{text} {number}" for text in TEXTS for number in range(5)], ["milk"] * 25
    model, encoder = base.load_classifier("tiny", seed=2), base.load_encoder("tiny", seed=2)
    scores, vectors = score_pairs(model, tokenizer, *pairs, device), embed_texts(encoder, tokenizer, pairs[0], device)
    seen, other = limited(model, 2), limited(encoder, 2)
    np.testing.assert_allclose(score_pairs(model, tokenizer, *pairs, device), scores, atol=1e-5)
    np.testing.assert_allclose(embed_texts(encoder, tokenizer, pairs[0], device), vectors, atol=1e-5)
    for rows in (seen, other):
        assert sum(each for each in rows if each <= 2) == 25
        assert max(rows) > 4
    limited(model, 0)
    with pytest.raises(MemoryFullError, match="One single text does not fit into the GPU's memory: shorten it"):
        score_pairs(model, tokenizer, *pairs, device)


def test_minilm_knows_what_belongs_together(device):
    where = base.find_base_model("minilm")
    texts = ["shredded cheese 8 oz", "mozzarella cheese", "motor oil"]
    a, b, c = embed_texts(base.load_encoder(where), base.load_tokenizer(where), texts, device)
    assert a @ b > a @ c + 0.1


def test_bf16_ranks_as_fp32(device):
    where = base.find_base_model("minilm")
    model, tokenizer = base.load_classifier(where, seed=1), base.load_tokenizer(where)
    pairs = [(a, b) for a in WORDS for b in WORDS]
    devices = device, choose_device("bf16", 1)
    both = [score_pairs(each.compact(model), tokenizer, *zip(*pairs, strict=True), each) for each in devices]
    assert pd.Series(both[0]).corr(pd.Series(both[1]), method="kendall") > 0.9
    assert len(np.unique(both[1])) > 130  # logits of bf16 would tie


# ---- the classifier of pairs


def test_a_pair_is_read_by_the_mean_of_its_candidates_tokens(model, tokenizer, device):
    rows = tokenizer([TEXTS[1]], [TEXTS[2]], return_tensors="pt")
    with torch.inference_mode():
        hidden = model.bert(**rows).last_hidden_state[0]
        first = rows["input_ids"][0].tolist().index(tokenizer.sep_token_id) + 1
        expected = model.classifier(hidden[first:].mean(0))
    assert score_pairs(model, tokenizer, [TEXTS[1]], [TEXTS[2]], device) == pytest.approx(expected.numpy(), abs=1e-6)


def test_scores_in_bf16_are_those_of_fp32_and_do_not_tie(model, tokenizer, device):
    contexts = [f"{text} {number}" for text in TEXTS for number in range(40)]
    candidates = contexts[::-1]
    exact = score_pairs(model, tokenizer, contexts, candidates, device)
    small = choose_device("bf16", 1)
    rough = score_pairs(small.compact(model), tokenizer, contexts, candidates, small)
    assert rough.dtype == np.float32
    assert kendalltau(exact, rough).statistic > 0.9
    assert len(np.unique(rough)) > 0.95 * len(np.unique(exact))  # a logit of 8 bits would tie with most others
    assert next(model.parameters()).dtype == torch.float32  # the model itself stays as it was


def test_frozen_layers_and_the_pooler_get_no_gradient(tokenizer):
    model = base.load_classifier(base.find_base_model("minilm"), seed=1)
    methods.adapt(model, "full", {"frozen_layers": 3})
    pairs = pd.DataFrame({"context": TEXTS[:3], "candidate": TEXTS[2::-1], "label": [1, 0, 1], "weight": 1.0})
    batches = training_batches(tokenizer, pairs, max_tokens=1, batch_tokens=4096, use_weights=False, seed=0)
    task_loss(BINARY)(model, batches[0]).backward()
    still = {name.split(".weight")[0] for name, p in model.named_parameters() if p.grad is None and "weight" in name}
    assert {name for name in still if ".layer." not in name and "embeddings" not in name} == {"bert.pooler.dense"}
    assert {name.split(".")[3] for name in still if ".layer." in name} == {"0", "1", "2"}
    assert all(p.grad is None for p in model.bert.embeddings.parameters())
    for layers in (-1, 6):
        with pytest.raises(ValueError, match=f"frozen_layers is {layers}, but the model has 6 layers: choose 0 to 5"):
            methods.adapt(model, "full", {"frozen_layers": layers})


# ---- the loss of pairs


def test_a_pair_of_weight_two_counts_as_two(model, tokenizer):
    pairs = pd.DataFrame({"context": TEXTS[:3], "candidate": TEXTS[2::-1], "label": [1, 0, 1], "weight": [2.0, 1, 1]})
    twice = pd.concat([pairs.iloc[[0]], pairs], ignore_index=True).assign(weight=1.0)
    losses = []
    for table in (pairs, twice):
        batches = training_batches(tokenizer, table, max_tokens=1, batch_tokens=4096, use_weights=True, seed=0)
        losses.append(task_loss(BINARY)(model, batches[0]).item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


# ---- calibration


def drawn(a: float, b: float, rows: int = 60_000):
    scores = np.random.default_rng(0).normal(1, 2, rows)
    return (np.random.default_rng(1).random(rows) < sigmoid(a * scores + b)).astype(int), scores


def test_platt_recovers_what_made_the_labels():
    labels, scores = drawn(0.7, -1.5)
    assert platt(labels, scores, np.ones(len(labels))) == pytest.approx((0.7, -1.5), abs=0.03)


def test_platt_undoes_the_sampling_of_negatives():
    labels, scores = drawn(0.7, -1.5)
    kept = (labels == 1) | (np.random.default_rng(2).random(len(labels)) < 0.1)
    a, b = platt(labels[kept], scores[kept], np.where(labels == 1, 1.0, 10.0)[kept])
    assert (a, b) == pytest.approx((0.7, -1.5), abs=0.06)


def test_one_class_and_separable_scores():
    with pytest.raises(ValueError, match="positives and negatives"):
        platt(np.ones(5), np.arange(5), np.ones(5))
    a, b = platt(np.array([0, 0, 1, 1]), np.array([0.0, 1, 2, 3]), np.ones(4))
    assert np.isfinite([a, b]).all()
    assert a > 0
    a, b = platt(np.array([1, 1, 0, 0]), np.array([0.0, 1, 2, 3]), np.array([1.0, 1, 3, 3]))
    assert (a, b) == (0, pytest.approx(np.log(2 / 6)))


def test_the_threshold_has_the_largest_weighted_f1():
    rng = np.random.default_rng(4)
    p = np.round(rng.random(300), 2)
    y, w = (rng.random(300) < p).astype(int), rng.uniform(1, 9, 300)

    def f1(threshold):
        hit = w[(p >= threshold) & (y == 1)].sum()
        return 2 * hit / (w[p >= threshold].sum() + w[y == 1].sum())

    assert f1(choose_threshold(y, p, w)) == pytest.approx(max(map(f1, np.unique(p))))


def test_a_calibration_survives_json():
    calibration = calibrate(*drawn(1.2, -2.0, 500), np.ones(500))
    assert Calibration(**calibration.to_dict()) == calibration


# ---- the rival and the comparison


@pytest.fixture(scope="module")
def shop():
    rng = np.random.default_rng(5)
    words = np.array([*WORDS])
    rows = []
    for user in range(120):
        past = rng.choice(words, 4, replace=False)
        rows += [
            (str(user), "; ".join(past), c, int(c in past), 1.0 if c in past else 5.0) for c in rng.choice(words, 6)
        ]
    return pd.DataFrame(rows, columns=["user_id", "context", "candidate", "label", "weight"])


def test_tfidf_sees_what_context_and_candidate_share(shop):
    train, valid = shop[shop.user_id.astype(int) < 80], shop[shop.user_id.astype(int) >= 80]
    model, choices = fit_tfidf(train, valid)
    assert choices.loc[choices["log_loss"].idxmin(), ["ngrams", "C"]].tolist() == [model.ngrams, model.C]
    assert model.seconds > 0
    nothing = constant_loss(valid)
    rate = (valid["label"] * valid["weight"]).sum() / valid["weight"].sum()
    assert nothing == pytest.approx(-rate * np.log(rate) - (1 - rate) * np.log(1 - rate))
    assert choices["log_loss"].min() < nothing
    table = compare(valid, {"tfidf": model.score(valid)}, draws=20)
    assert table.set_index("metric").loc["roc_auc", "value"] > 0.99


def test_models_are_timed_and_weighed(shop):
    train, valid = shop[shop.user_id.astype(int) < 80], shop[shop.user_id.astype(int) >= 80]
    model, encoder = fit_tfidf(train, valid)[0], base.load_classifier("tiny")

    def slow(pairs):
        time.sleep(0.02)
        return constant(pairs)

    scores = scored({"tfidf": model.score, "tiny": slow}, valid, valid)
    np.testing.assert_array_equal(scores["tfidf"].test, model.score(valid))
    times = costs.milliseconds({"tfidf": model.score, "tiny": slow}, valid)
    table = costs.table({"tfidf": model, "tiny": encoder}, times, {"tfidf": 2.0, "tiny": 9.0}, {"tiny": 5.0})
    assert table.loc["tiny", ["pretraining", "training"]].tolist() == [5, 9]
    assert table.loc["tfidf", "pretraining"] == 0
    assert table.loc["tiny", "megabytes"] == pytest.approx(4 * encoder.num_parameters() / 1e6)
    words = sum(map(len, model.vectorizer.vocabulary_))
    assert table.loc["tfidf", "megabytes"] == pytest.approx((8 * model.regression.coef_.size + words) / 1e6)
    each = 20 * 1000 / len(valid)
    assert each <= table.loc["tiny", "milliseconds"] < 3 * each


def test_users_are_sampled_whole_and_always_the_same(shop):
    some = sample_users(shop, 30, seed=1)
    assert some["user_id"].nunique() == 30
    assert len(some) == 30 * 6
    assert set(sample_users(shop.sample(frac=1, random_state=0), 30, seed=1)["user_id"]) == set(some["user_id"])
    assert set(sample_users(shop, 30, seed=2)["user_id"]) != set(some["user_id"])


def test_a_share_of_the_labels_is_that_of_whole_users_of_train(shop):
    pairs = shop.assign(split=np.where(shop["user_id"].astype(int) < 60, "train", "test"))
    pairs.loc[pairs["user_id"].astype(int) >= 90, "split"] = "valid"
    whole = in_splits(pairs, 1, users={"test": 10}, seed=1)
    assert {name: rows["user_id"].nunique() for name, rows in whole.items()} == {"train": 60, "valid": 30, "test": 10}
    some, fewer = (in_splits(pairs, 1, users={"test": 10}, seed=1, share=share) for share in (0.1, 0.05))
    assert some["train"]["user_id"].nunique() == 6
    assert set(fewer["train"]["user_id"]) < set(some["train"]["user_id"]), "more labels are to be those and others"
    for name in ("valid", "test"):
        pd.testing.assert_frame_equal(some[name], whole[name])
    for share in (0.0, 1.5):
        with pytest.raises(ValueError, match=f"The share of labels is {share:g}: choose one above 0, up to 1"):
            in_splits(pairs, 1, users={}, share=share)


def test_a_comparison_pairs_its_differences(shop):
    rng = np.random.default_rng(0)
    good = np.clip(shop["label"] * 0.3 + rng.random(len(shop)) * 0.6, 0, 1).to_numpy()
    table = compare(shop, {"good": good, "same": good.copy(), "noise": rng.random(len(shop))}, draws=200, seed=1)
    rows = table.set_index(["subject", "metric"])
    assert rows.loc[("good - same", "roc_auc"), ["value", "low", "high"]].tolist() == [0, 0, 0]
    assert rows.loc[("good - noise", "pr_auc"), "low"] > 0
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()


def test_the_report_has_the_natural_rate(shop):
    perfect = shop["label"].to_numpy(dtype=float)
    report = classification_report(shop, perfect, Calibration(1, 0, 0.5), draws=20)
    assert (report["value"] == 1).all()
    assert report["weight"].unique().tolist() == [shop.label.sum(), (shop.label == 0).sum() * 5.0]
    everything = classification_report(shop, perfect, Calibration(1, 0, 0.0), draws=20).set_index(["class", "metric"])
    rate = (shop.label * shop.weight).sum() / shop.weight.sum()
    assert everything.loc[("positive", "precision"), "value"] == pytest.approx(rate)
    table = reliability_table(shop, {"perfect": perfect})
    np.testing.assert_allclose(table["predicted"], table["observed"])

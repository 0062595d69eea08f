"""Paired tests are right where the answer is known: exact p, no false claims, the power they promise."""

import itertools

import numpy as np
import pandas as pd
import pytest

from workbench.metrics.significance import holm, paired_tests, sign_flip_test


def test_p_is_the_share_of_all_signs() -> None:
    values = np.array([0.3, 0.1, -0.2, 0.5, 0.4, 0.25, 0.1])
    means = [abs(np.dot(signs, values)) for signs in itertools.product([-1, 1], repeat=7)]
    exact = np.mean(np.array(means) >= values.sum() - 1e-12)
    assert sign_flip_test(values[:, None], 40_000)[0] == pytest.approx(exact, abs=0.005)


def test_where_nothing_differs_p_is_one() -> None:
    assert sign_flip_test(np.zeros((9, 2)), 100).tolist() == [1, 1]
    table = paired_tests(pd.DataFrame({"a": np.zeros(9)}))
    assert table.effect.tolist() == [0]


def test_chance_is_called_a_finding_as_often_as_promised() -> None:
    random = np.random.default_rng(0)
    p = sign_flip_test(random.normal(size=(60, 1000)), 999)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.02)


def test_holm_is_the_known_one() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.9, 0.03])  # times 5, 2, 4, 6, 1, 3, and never below a smaller p's
    np.testing.assert_allclose(holm(p), [0.05, 0.12, 0.12, 0.03, 0.9, 0.12])
    assert holm(np.array([0.4, 0.6])).tolist() == [0.8, 0.8]


def test_the_detectable_difference_is_found_as_often_as_stated() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(0, 0.3, size=(100, 500))
    detectable = paired_tests(pd.DataFrame(noise), draws=99).detectable.mean()
    assert np.mean(sign_flip_test(noise + detectable, 999) <= 0.05) == pytest.approx(0.8, abs=0.06)


def test_effects_are_in_standard_deviations() -> None:
    differences = pd.DataFrame({"a": [1.0, 3.0], "b": [-1.0, -3.0]})
    table = paired_tests(differences)
    assert table.effect.tolist() == pytest.approx([2**0.5, -(2**0.5)])
    assert table.n.tolist() == [2, 2]
    with pytest.raises(ValueError, match="empty"):
        paired_tests(differences.iloc[:0])

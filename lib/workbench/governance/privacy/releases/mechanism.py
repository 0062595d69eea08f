"""The noise: Laplace's on whole numbers, by OpenDP, whose privacy maps say what a scale costs.

Laplace mechanism: Dwork & Roth, "The algorithmic foundations of differential privacy" (2014), section 3.3. Sampled from
the system's secure source without floating point, in which Mironov ("On significance of the least significant bits for
differential privacy", 2012) found holes: Canonne, Kamath & Steinke, "The discrete Gaussian for differential privacy"
(2020), algorithm 2. Thresholds for keys that are no public ones: Korolova, Kenthapadi, Mishra & Ntoulas, "Releasing
search queries and clicks privately" (2009); Desfontaines, Voss, Gipson & Mandayam, "Differentially private partition
selection" (2022).
"""

import math
from collections.abc import Mapping, Sequence

import opendp.prelude as dp

VERSION = "discrete Laplace 1"  # goes up with whatever changes the distribution of a release
INTEGER = "i64"  # OpenDP's own `int` has 32 bits, which sums of cents leave
HIGHEST = 2**31 - 2  # threshold that is looked for
LEAST_DELTA = 1e-12  # below it, rounding in the privacy map leaves no threshold

dp.enable_features("contrib")  # proved, not yet vetted by a second party: OpenDP has no other Laplace


def scale(sensitivity: int, epsilon: float) -> float:
    """Smallest scale whose cost OpenDP puts at ε or less: sensitivity / ε, rounded to the safe side.

    Args:
        sensitivity: by how much one user changes all totals together, at most (L1).
        epsilon: what it may cost, above 0.

    """
    return float(dp.binary_search_param(_laplace, d_in=sensitivity, d_out=epsilon))


def noisy(values: Sequence[int], scale: float) -> list[int]:
    """The values, each with independent noise of the scale; the cost is for all of them together."""
    return list(_laplace(scale)([int(value) for value in values]))


def expected_error(scale: float) -> float:
    """Mean absolute noise of the scale, 1 / sinh(1 / scale): a little below the scale itself."""
    return 2 * math.exp(-1 / scale) / -math.expm1(-2 / scale)


def threshold(scale: float, max_keys: int, delta: float) -> int:
    """Smallest noisy count of users from which a key may be shown.

    A key that one user alone brought is shown with a probability so small that over all of the user's keys it stays
    below δ.

    Args:
        scale: of the noise on the counts.
        max_keys: keys that one user changes, at most, each by 1.
        delta: the probability.

    Raises:
        ValueError: no threshold keeps that δ.

    """

    def kept(candidate: float) -> bool:
        return bool(_threshold(scale, int(candidate)).map((max_keys, max_keys, 1))[1] <= delta)

    if not kept(HIGHEST):
        raise ValueError(f"no threshold keeps δ = {delta:g} at a noise of scale {scale:g}: raise δ or ε")
    lowest = 1 if kept(1) else dp.binary_search(kept, bounds=(1, HIGHEST))
    # One more, because the map of OpenDP 0.16 leaves out the counts that are equal to the threshold and are shown
    # (https://github.com/opendp/opendp/issues/2922).
    return int(lowest) + 1


def noisy_above(counts: Mapping[str, int], scale: float, threshold: int) -> dict[str, int]:
    """Noisy counts of the keys that reach the threshold, by key in order."""
    return dict(sorted(_threshold(scale, threshold)({key: int(count) for key, count in counts.items()}).items()))


def _laplace(scale: float) -> dp.Measurement:
    return dp.m.make_laplace(dp.vector_domain(dp.atom_domain(T=INTEGER)), dp.l1_distance(T=INTEGER), scale=scale)


def _threshold(scale: float, threshold: int) -> dp.Measurement:
    domain = dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T=INTEGER))
    metric = dp.l01inf_distance(dp.absolute_distance(T=INTEGER))
    return dp.m.make_laplace_threshold(domain, metric, scale=scale, threshold=threshold)

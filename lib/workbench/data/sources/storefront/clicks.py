"""Click models: who looks at which position, and clicks what attracts.

Position-based model: a position is examined with its own probability, whatever stands there (Richardson, Dominowska
and Ragno, WWW 2007; Chuklin, Markov and de Rijke, Click Models for Web Search, 2015). Cascade model: positions are
read from the top until the first click, after which nothing is read (Craswell, Zoeter, Taylor and Ramsey, WSDM 2008).
"""

from collections.abc import Callable

import numpy as np

LONGEST = 20  # positions of a full list
EXAMINATION = 0.96 / np.arange(1, LONGEST + 1) ** 0.65
"""Probability that position 1, 2, … is examined under the position-based model."""

ClickModel = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def position_based(attraction: np.ndarray, draw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clicks and examination of shown lists.

    Args:
        attraction: [lists, positions] probability of a click if examined; 0 where nothing is shown.
        draw: [lists, positions] uniform in [0, 1).

    Returns:
        clicks [lists, positions], and the probability [lists, positions] that each position was examined.

    """
    examined = np.broadcast_to(EXAMINATION[: attraction.shape[1]], attraction.shape)
    return draw < examined * attraction, examined


def cascade(attraction: np.ndarray, draw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clicks, at most one a list, and examination: the probability that nothing above was clicked."""
    attracts = draw < attraction
    first = attracts & (np.cumsum(attracts, axis=1) == 1)
    passed = np.cumprod(1 - attraction, axis=1)
    examined = np.concatenate([np.ones((len(attraction), 1)), passed[:, :-1]], axis=1)
    return first, examined


MODELS: dict[str, ClickModel] = {"position": position_based, "cascade": cascade}

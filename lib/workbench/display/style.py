"""The one look of all figures."""

import logging
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib import font_manager
from matplotlib.figure import Figure

PALETTE = ["#20639b", "#ed553b", "#3caea3", "#f6a01a", "#6f4a8e", "#8a8d91"]
MUTED = "#8a8d91"
CHINESE = "fonts/NotoSansCJKsc-Regular.otf"  # of the package mplfonts, read by path


def apply_style() -> None:
    """Set seaborn's theme for the process: quiet grid, readable sizes, sharp in a notebook and in print.

    What the Latin font lacks is drawn in a Chinese one that comes with the environment.
    """
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette=PALETTE,
        rc={
            "font.family": ["DejaVu Sans", _chinese_font()],
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titleweight": "bold",
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.labelsize": 11,
            "grid.color": "#e6e6e6",
            "legend.frameon": False,
        },
    )


def taken(figure: Figure) -> Figure:
    """Take a figure from pyplot, so that a notebook shows it once, as the cell's value."""
    plt.close(figure)
    return figure


def _chinese_font() -> str:
    """Name of the Chinese font, once it is known to matplotlib."""
    found = find_spec("mplfonts")
    if found is None or found.origin is None:
        raise RuntimeError("the package mplfonts, which carries the Chinese font, is missing: run `make` to install it")
    path = Path(found.origin).parent / CHINESE
    known = {entry.fname: entry.name for entry in font_manager.fontManager.ttflist}
    if str(path) not in known:
        font_manager.fontManager.addfont(path)
    # the font has one weight; that a bold title is drawn in it is no news for every report
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    return font_manager.FontProperties(fname=path).get_name()

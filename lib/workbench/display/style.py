"""The one look of all figures."""

import seaborn as sns

PALETTE = ["#20639b", "#ed553b", "#3caea3", "#f6a01a", "#6f4a8e", "#8a8d91"]
MUTED = "#8a8d91"


def apply_style() -> None:
    """Set seaborn's theme for the process: quiet grid, readable sizes, sharp in a notebook and in print."""
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette=PALETTE,
        rc={
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

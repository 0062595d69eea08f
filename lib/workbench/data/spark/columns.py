"""Functions that Spark's Python workers run on columns; they import little, because each worker imports it anew."""

import json
from collections.abc import Callable

import pandas as pd
import pyarrow as pa


def on_series(function: Callable[..., pa.Array], kind: pa.DataType) -> Callable[..., pd.Series]:
    """A function of Arrow columns as one of pandas' columns, which is what Spark calls."""

    def called(*columns: pd.Series) -> pd.Series:
        found = function(*(pa.array(column, from_pandas=True) for column in columns))
        return found.cast(kind).to_pandas()

    return called


def json_or_null(texts: pd.Series) -> pd.Series:
    """Each text that is JSON, and null in the place of every other."""
    return texts.map(lambda text: text if isinstance(text, str) and _is_json(text) else None)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

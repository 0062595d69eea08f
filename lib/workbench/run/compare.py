"""Two runs side by side."""

from typing import Any

from workbench.run.status import Run


def parameters(one: Run, two: Run) -> list[tuple[str, str, str, str]]:
    """Rows (stage, parameter, value in one, value in two) of the parameters that differ."""
    first, second = one.record["parameters"], two.record["parameters"]
    rows = []
    for stage in first | second:
        left, right = first.get(stage, {}), second.get(stage, {})
        for name in left | right:
            if left.get(name) != right.get(name):
                rows.append((stage, name, _shown(left.get(name)), _shown(right.get(name))))
    return rows


def metrics(one: Run, two: Run) -> list[tuple[str, str, str, str, str]]:
    """Rows (stage, metric, value in one, value in two, difference two - one) of every metric that either has."""
    first, second = _by_name(one), _by_name(two)
    rows = []
    for stage, name in first | second:
        left, right = first.get((stage, name)), second.get((stage, name))
        difference = f"{right - left:+.4g}" if left is not None and right is not None else ""
        rows.append((stage, name, _shown(left), _shown(right), difference))
    return rows


def _by_name(run: Run) -> dict[tuple[str, str], float | None]:
    """Values by stage and the metric written as a headline is."""
    return {(row["stage"], _name(row)): row["value"] for row in run.metrics()}


def _name(row: dict[str, Any]) -> str:
    at = f"@{row['k']}" if row["k"] is not None else ""
    part = f"[{row['slice']}]" if row["slice"] != "all" else ""
    return f"{row['subject']}/{row['metric']}{at}{part}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

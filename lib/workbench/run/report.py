"""A stage's report: the executed notebook as one HTML file without code, offline and inert."""

import html
import os
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import bleach
import nbformat
from bleach.css_sanitizer import ALLOWED_CSS_PROPERTIES, CSSSanitizer
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from workbench.artifacts import write_text
from workbench.run.progress import clock
from workbench.run.status import OK, Run, StageFolder

TEMPLATES = Path(str(files("workbench.run") / "templates"))
LAST_LINES = 25  # of a traceback, in the banner
SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain"]
WIDGET = "application/vnd.jupyter.widget-view+json"
NOT_OF_THE_NOTEBOOK = {"injected-parameters", "papermill-error-cell-tag"}
PROGRESS_BAR = re.compile(r"\d+%\|.*\||\d+(\.\d+)?\s?\w*/s[,\]]|[?\d.]+s/\w+[,\]]")
STYLER = re.compile(r"\s*(#T_[^{}<@]*\{[^{}<@]*\}\s*)*")
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl",
    "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "mark",
    "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "class", "id", "style", "title", "align", "colspan", "rowspan", "scope", "span", "width", "height", "open",
}  # fmt: skip
CSS = CSSSanitizer(allowed_css_properties=[*ALLOWED_CSS_PROPERTIES, "border-collapse", "padding", "margin", "opacity"])


def write(run: Run, stage: StageFolder) -> None:
    """Render the stage's report, whatever became of the stage; an output that cannot be rendered is said in it."""
    file = stage.folder / "notebook.ipynb"
    try:
        notebook = nbformat.read(file, as_version=4) if file.exists() else nbformat.v4.new_notebook()
        page = render(notebook, run, stage)
    except Exception as error:  # the stage's status must not depend on an odd output
        said = nbformat.v4.new_markdown_cell(f"notebook.ipynb could not be rendered ({type(error).__name__}: {error}).")
        page = render(nbformat.v4.new_notebook(cells=[said]), run, stage)
    write_text(stage.folder / "report.html", _with_links(page, run, stage))


def refresh_links(run: Run) -> None:
    """Let every report of the run link to those written after it."""
    for stage in run.stages():
        file = stage.folder / "report.html"
        if file.exists():
            write_text(file, _with_links(file.read_text(encoding="utf-8"), run, stage))


def render(notebook: NotebookNode, run: Run, stage: StageFolder) -> str:
    """The report's HTML."""
    status = stage.status
    cells = [cell for cell in notebook.cells if not NOT_OF_THE_NOTEBOOK & set(cell.metadata.get("tags", []))]
    page = {
        "run": run.name,
        "css": style(),
        "title": _take_title(cells) or stage.name,
        "facts": _facts(run, stage, status),
        "error": _error(cells, status) if status["status"] != OK else None,
    }
    notebook.cells = cells
    for cell in cells:
        cell.outputs = [kept for output in cell.get("outputs", []) if (kept := _inert(output))]
    notebook.metadata.pop("widgets", None)
    return _exporter().from_notebook_node(notebook, resources={"page": page})[0]


def clean(content: str) -> str:
    """HTML without anything that executes or loads; what is not allowed appears as text.

    The style block of a pandas Styler stays if it styles nothing but its own table.
    """
    styles = [css for css in re.findall(r"<style[^>]*>(.*?)</style>", content, re.S) if STYLER.fullmatch(css)]
    body = re.sub(r"<style[^>]*>.*?</style>", "", content, flags=re.S)
    cleaned = bleach.clean(body, TAGS, _allowed, protocols={"http", "https", "mailto", "data"}, css_sanitizer=CSS)
    return "".join(f"<style>{css}</style>" for css in styles if "url" not in css) + cleaned


@cache
def style() -> str:
    """The style sheet that reports and index share."""
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith("data:image/")
    if tag == "a" and name == "href":
        return not value.strip().lower().startswith("data:")
    return name in ATTRIBUTES or (tag == "img" and name == "alt")


@cache
def _exporter() -> HTMLExporter:
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    exporter.config.NbConvertBase.display_data_priority = SHOWN
    exporter.register_filter("clean_html", clean)
    return exporter


def _take_title(cells: list[NotebookNode]) -> str:
    """The notebook's H1, which moves from its cell to the report's head."""
    for cell in cells:
        if cell.cell_type == "markdown" and (found := re.match(r"\s*# +(.+)", cell.source)):
            cell.source = cell.source[found.end() :]
            return found[1].strip()
    return ""


def _facts(run: Run, stage: StageFolder, status: dict[str, Any]) -> dict[str, str]:
    """What the report's head says of the stage."""
    date = (status.get("started") or "")[:16].replace("T", " ")
    facts = {"run": run.name, "stage": stage.name, "status": status["status"], "date": f"{date} UTC"}
    if status.get("seconds") is not None:
        facts |= {"time": clock(status["seconds"]), "memory": f"{status.get('peak_mb', 0) / 1024:.1f} GB"}
    return facts


def _error(cells: list[NotebookNode], status: dict[str, Any]) -> dict[str, Any]:
    """The banner: which cell, why, its source and the end of the traceback; marks the cell."""
    number = status.get("cell")
    source = ""
    if number and number <= len(cells):
        cells[number - 1].metadata["failed"] = True
        source = cells[number - 1].source
    return {
        "headline": f"{status['status']}: the notebook stopped" + (f" at cell {number}" if number else ""),
        "why": status.get("error") or "",
        "cell": number,
        "source": "" if status.get("traceback") else source,  # a traceback shows it too
        "traceback": "\n".join(status.get("traceback", [])[-LAST_LINES:]),
    }


def _inert(output: NotebookNode) -> NotebookNode | None:
    """The output as the report shows it: no progress bars, no widgets, no script; None if nothing is left."""
    if output.output_type == "stream" and output.name == "stderr":
        lines = re.split(r"[\r\n]+", output.text)
        output.text = "\n".join(line for line in lines if line.strip() and not PROGRESS_BAR.search(line))
        return output if output.text else None
    if "data" not in output:
        return output
    kept = {kind: value for kind, value in output.data.items() if kind in SHOWN}
    if WIDGET in output.data:
        kept.pop("text/plain", None)  # a widget's text is only its name
    output.data = NotebookNode(kept)
    return output if kept else None


def _with_links(page: str, run: Run, stage: StageFolder) -> str:
    """The page with links to the reports of the run's other stages as they are now."""
    items = ['<a href="../../index.html">all runs</a>']
    for other in run.stages():
        report, name = other.file("report.html"), html.escape(other.name)
        if other == stage:
            items.append(f'<span class="here">{name}</span>')
        elif report.exists():
            items.append(f'<a href="{html.escape(os.path.relpath(report, stage.folder))}">{name}</a>')
        else:
            items.append(f'<span class="todo">{name}</span>')
    return re.sub(r"<nav>.*?</nav>", lambda _: f"<nav>{' '.join(items)}</nav>", page, count=1, flags=re.S)

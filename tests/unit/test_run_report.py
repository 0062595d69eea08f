"""The report: readable, complete when things went wrong, and inert."""

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from toy import ToyProject
from workbench.artifacts import read_json
from workbench.run import report
from workbench.run.status import Run, StageFolder

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def stage(toy: ToyProject) -> StageFolder:
    toy.fake_stage("20260101T000000Z-toy", "02_b")
    return StageFolder(toy.fake_stage("20260101T000000Z-toy", "01_a"))


def written(stage: StageFolder, *cells: nbformat.NotebookNode) -> BeautifulSoup:
    nbformat.write(new_notebook(cells=list(cells)), stage.folder / "notebook.ipynb")
    report.write(Run(stage.folder.parent), stage)
    return BeautifulSoup((stage.folder / "report.html").read_text(), "html.parser")


def shows(stage: StageFolder, **data: str) -> BeautifulSoup:
    kinds = {kind.replace("_", "/", 1).replace("_", "+"): value for kind, value in data.items()}
    main = written(stage, new_code_cell("secret = 1", outputs=[new_output("display_data", data=kinds)])).main
    assert main
    return main


def test_head_names_title_run_and_status(stage: StageFolder) -> None:
    page = written(stage, new_markdown_cell("# What *sells*\n\nOne paragraph."), new_code_cell("secret = 1"))
    assert page.h1.text == "What *sells*"
    assert len(page.find_all("h1")) == 1
    assert "One paragraph." in page.main.text
    assert "secret" not in page.text
    facts = {term.text: term.find_next("dd").text for term in page.find_all("dt")}
    assert facts["run"] == "20260101T000000Z-toy"
    assert (facts["status"], facts["time"], facts["memory"]) == ("ok", "1 s", "0.1 GB")
    assert "default-src 'none'" in page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]


def test_links_lead_to_the_reports_that_exist(stage: StageFolder) -> None:
    page = written(stage)
    assert [link["href"] for link in page.nav.find_all("a")] == ["../../index.html"]
    assert page.nav.find(class_="todo").text == "02_b"
    (stage.folder.parent / "02_b" / "report.html").touch()
    report.refresh_links(Run(stage.folder.parent))
    page = BeautifulSoup((stage.folder / "report.html").read_text(), "html.parser")
    assert [link["href"] for link in page.nav.find_all("a")] == ["../../index.html", "../02_b/report.html"]


def test_failure_stands_on_top_escaped_and_points_to_its_cell(stage: StageFolder) -> None:
    traceback = [f"line {i}" for i in range(100)] + ["ValueError: <script>alert(1)</script>"]
    stage.write(status="failed", error="ValueError: <script>alert(1)</script>", cell=2, traceback=traceback)
    marker, other = (
        new_markdown_cell("papermill's own", metadata={"tags": ["papermill-error-cell-tag"]}) for _ in range(2)
    )
    injected = new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]})
    page = written(stage, marker, new_markdown_cell("# T"), injected, other, new_code_cell("check(price)"))
    failure = page.find(class_="failure")
    assert failure.find_previous("main") is None
    assert failure.h2.text == "failed: the notebook stopped at cell 2"
    assert "ValueError: <script>alert(1)</script>" in failure.p.text
    assert not failure.find(class_="source")
    assert "line 0\n" not in failure.text
    assert "line 99" in failure.text
    assert page.find(id="failed")
    assert "papermill's own" not in page.text
    assert not page.find_all("script")


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<img src='http://evil/x.png'>",
        "<iframe src='http://evil'></iframe>",
        "<svg onload=alert(1)></svg>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<style>@import 'http://evil';</style>",
        "<style>#T_1 { background: url(http://evil) }</style>",
        "<style>body { display: none }</style>",
        "<link rel=stylesheet href='http://evil'><base href='http://evil'><meta http-equiv=refresh content=0>",
        "<p style='background: url(http://evil)' onclick='alert(1)'>x</p>",
        "<form action='http://evil'><input autofocus onfocus=alert(1)></form>",
        "</main></body><script>alert(1)</script>",
    ],
)
@pytest.mark.parametrize("kind", ["text_html", "text_markdown"])
def test_nothing_of_the_data_executes_or_loads(stage: StageFolder, content: str, kind: str) -> None:
    inert(shows(stage, **{kind: content}))
    assert kind == "text_html" or inert(written(stage, new_markdown_cell(f"# T\n\n{content}")))


def inert(page: BeautifulSoup) -> bool:
    """Whether the page loads nothing and executes nothing."""
    for tag in page.find_all(True):
        assert tag.name not in {"script", "iframe", "object", "embed", "link", "base", "form", "input", "svg"}
        assert not [name for name in tag.attrs if name.startswith("on")]
        assert str(tag.get("src", "data:image/")).startswith("data:image/")
        assert not str(tag.get("href", "")).startswith(("javascript", "data"))
        assert "url(" not in str(tag.get("style", ""))
        if tag.name == "style":
            assert "@import" not in tag.text
            assert "http" not in tag.text
            assert "body { display" not in tag.text
    return True


def test_the_whole_page_loads_nothing(stage: StageFolder) -> None:
    page = written(stage, new_markdown_cell("# T\n\n$x^2$ and [a link](https://example.org)"))
    assert inert(page)
    assert "$x^2$" in page.main.text
    assert "http" not in page.style.text


def test_what_should_stay_stays(stage: StageFolder) -> None:
    assert shows(stage, text_html="<table><thead><tr><th colspan=2>a</th></tr></thead></table>").th["colspan"] == "2"
    styled = "<style>\n#T_1 td { color: red; }\n#T_1_row0 {width: 10em;}\n</style><table id='T_1'></table>"
    page = shows(stage, text_html=styled)
    assert "color: red" in page.style.text
    assert page.table["id"] == "T_1"
    assert shows(stage, text_html=f"<img src='data:image/png;base64,{PIXEL}'>").img["src"].endswith(PIXEL)
    assert shows(stage, image_png=PIXEL, text_plain="<Figure>").img["src"] == f"data:image/png;base64,{PIXEL}"
    assert shows(stage, image_svg_xml="<svg onload='x'/>").img["src"].startswith("data:image/svg+xml;base64,")
    assert shows(stage, text_plain="a < b").pre.text == "a < b"
    assert shows(stage, text_latex="$a<b$").pre.text == "$a<b$"


def test_widgets_and_scripts_are_dropped(stage: StageFolder) -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "HBox(children=())"}
    cell = new_code_cell(outputs=[new_output("display_data", data=view)])
    assert "HBox" not in written(stage, cell).text
    assert shows(stage, application_javascript="alert(1)").text.strip() == ""


def test_progress_bars_are_left_out_and_warnings_stay(stage: StageFolder) -> None:
    text = "\r 10%|█         | 1/10 [00:01<00:09,  1.02it/s]\r100%|██████████| 10/10\nUserWarning: mind the gap\n"
    page = written(stage, new_code_cell(outputs=[new_output("stream", name="stderr", text=text)]))
    assert page.main.pre.text.strip() == "UserWarning: mind the gap"
    only = new_output("stream", name="stderr", text="Map: 52%|████ | 3/7 [00:00<?, ?it/s]\nrows: 3.2s/it, 12.5kB/s]")
    assert not written(stage, new_code_cell(outputs=[only])).main.find("pre")


def test_a_broken_notebook_still_gives_a_report(stage: StageFolder) -> None:
    (stage.folder / "notebook.ipynb").write_text("{")
    stage.write(status="failed", error="the disk is full")
    report.write(Run(stage.folder.parent), stage)
    page = (stage.folder / "report.html").read_text()
    assert "could not be rendered" in page
    assert "the disk is full" in page


def test_where_no_traceback_tells_the_cell_is_shown(stage: StageFolder) -> None:
    stage.write(status="kernel_died", error="the kernel died", cell=2)
    page = written(stage, new_markdown_cell("# T"), new_code_cell("train(price < 3)"))
    assert page.find(class_="source").text == "train(price < 3)"


def test_no_notebook_still_gives_a_report(stage: StageFolder) -> None:
    stage.write(status="interrupted", error="interrupted", cell=None)
    report.write(Run(stage.folder.parent), stage)
    assert "interrupted: the notebook stopped" in (stage.folder / "report.html").read_text()
    assert read_json(stage.folder / "status.json")["status"] == "interrupted"


def test_templates_travel_with_the_package() -> None:
    assert {"report", "style.css", "runs.html.j2"} <= {path.name for path in Path(report.TEMPLATES).iterdir()}

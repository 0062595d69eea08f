"""A report and the index with hostile data, opened in a real browser: nothing executes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from toy import ToyProject

HOSTILE = "<img src=x onerror=document.title='owned'>"


def dom(chromium: str, page: Path, folder: Path) -> str:
    """The page's DOM after the browser has loaded it and run what it runs."""
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", "--dump-dom"]
    return subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture
def chromium(require) -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    require(found, "no Chromium: install it with `apt-get install chromium`")
    return str(found)


def test_the_browser_would_show_it(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!DOCTYPE html><title>safe</title>{HOSTILE}")
    assert "<title>owned</title>" in dom(chromium, page, tmp_path / "user")


def test_hostile_data_does_not_execute_in_a_report(chromium: str, toy: ToyProject, workbench, tmp_path: Path) -> None:
    toy.notebook(
        "01_a",
        f"import pandas as pd\nfrom IPython.display import HTML, Markdown, display\ntitle = {HOSTILE!r}\n"
        "table = pd.DataFrame({'title': [title]})\n"
        "display(table, HTML(table.to_html(escape=False)), Markdown(title), HTML(title))\nprint(title)\ntable",
        "raise ValueError(title)",
        parameters=f"note = {HOSTILE!r}\n",
    )
    toy.profile(headline=[f"{HOSTILE}/ndcg"], grid={"01_a.note": [HOSTILE]})
    assert workbench("run", "toy") == 1
    report = dom(chromium, toy.runs()[0].folder / "01_a" / "report.html", tmp_path / "user")
    assert "<title>Toy 01_a" in report
    assert report.count("&lt;img src=x onerror") >= 3  # it is there to be read: in the table, in print, in the error
    assert "owned</title>" not in report
    index = dom(chromium, toy.outputs / "index.html", tmp_path / "user")
    assert "<title>Runs</title>" in index
    assert "&lt;img src=x" in index

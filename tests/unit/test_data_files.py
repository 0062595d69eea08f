"""Finding files: local, by glob, at addresses; packed ones; encodings."""

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
import pytest

from workbench.data.collected import SourceError
from workbench.data.raw import files
from workbench.data.raw.archives import unpack
from workbench.data.raw.encoding import as_utf8


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))


def test_names_lists_and_globs_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "log/2.csv", "log/1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert list(files.locate(str(tmp_path), ["b.csv", "*.csv"])) == ["b.csv", "a.csv"]
    assert list(files.locate(str(tmp_path), ["log/*.csv"])) == ["log/1.csv", "log/2.csv"]
    assert list(files.locate(str(tmp_path / "log"), [str(tmp_path / "c.txt")])) == [str(tmp_path / "c.txt")]
    found = files.locate(str(tmp_path), ["**/*.csv"])
    assert {path.read_text() for path in found.values()} == {"a.csv", "b.csv", "log/1.csv", "log/2.csv"}


def test_a_name_that_looks_like_a_pattern_is_taken_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "log[1].csv").write_text("")
    assert list(files.locate(str(tmp_path), ["log[1].csv"])) == ["log[1].csv"]


def test_any_address_of_fsspec_is_copied_once_and_again_when_it_changes(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/shop/a.csv": b"one", "/shop/b.csv": b"two"})
    found = files.locate("memory://shop", ["*.csv"])
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "memory://shop/a.csv": b"one", "memory://shop/b.csv": b"two"
    }  # fmt: skip
    before = found["memory://shop/a.csv"].stat().st_mtime_ns
    again = files.locate("memory://shop", ["a.csv"])["memory://shop/a.csv"]
    assert again.stat().st_mtime_ns == before
    memory.pipe({"/shop/a.csv": b"changed"})
    assert files.locate("memory://shop", ["a.csv"])["memory://shop/a.csv"].read_bytes() == b"changed"
    assert not again.exists()


def test_a_remote_file_is_copied_anew_where_nothing_marks_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    known = {"name": "/plain/a.csv", "type": "file"}
    monkeypatch.setattr(type(memory), "info", lambda self, path, **more: known)
    for content in (b"one", b"two"):
        memory.pipe({"/plain/a.csv": content})
        assert files.locate("memory://plain", ["a.csv"])["memory://plain/a.csv"].read_bytes() == content
    for mark, content in (("Mon", b"old"), ("Tue", b"new")):  # as HTTP gives it
        known |= {"Last-Modified": mark, "size": 3}
        memory.pipe({"/plain/a.csv": content})
        copy = files.locate("memory://plain", ["a.csv"])["memory://plain/a.csv"]
        before = copy.stat().st_ino
        again = files.locate("memory://plain", ["a.csv"])["memory://plain/a.csv"]
        assert (again.read_bytes(), again.stat().st_ino) == (content, before)


@pytest.mark.parametrize("address", ["memory://nowhere/a.csv", "memory://nowhere/*.csv", "nothing://a/b.csv"])
def test_an_address_without_a_file_is_refused(address: str) -> None:
    with pytest.raises(SourceError, match=r"does not exist|no file matches|cannot be opened") as error:
        files.locate("", [address])
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """An object storage on this machine, with a bucket; its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_object_storage_is_read_with_the_usual_variables(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": storage, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=storage)
    client.create_bucket(Bucket="shop")
    for name, content in {"raw/log-1.csv": b"first", "raw/log-2.csv": b"second", "raw/items.csv": b"items"}.items():
        client.put_object(Bucket="shop", Key=name, Body=content)
    found = files.locate("s3://shop/raw", ["log-*.csv", "items.csv"])
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "s3://shop/raw/log-1.csv": b"first", "s3://shop/raw/log-2.csv": b"second", "s3://shop/raw/items.csv": b"items"
    }  # fmt: skip
    copy = found["s3://shop/raw/items.csv"]
    before = copy.stat().st_mtime_ns
    assert files.locate("s3://shop/raw", ["items.csv"])["s3://shop/raw/items.csv"].stat().st_mtime_ns == before
    client.put_object(Bucket="shop", Key="raw/items.csv", Body=b"more items")
    assert files.locate("s3://shop/raw", ["items.csv"])["s3://shop/raw/items.csv"].read_bytes() == b"more items"
    for missing in ("other.csv", "x-*.csv"):
        with pytest.raises(SourceError, match=r"does not exist|no file matches"):
            files.locate("s3://shop/raw", [missing])
    with pytest.raises(SourceError, match="bucket"):
        files.locate("s3://no-such-bucket", ["items.csv"])


def test_packed_files_are_recognised_by_their_bytes(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "a.csv").write_bytes(b"plain")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"packed"))
    (tmp_path / "b.csv").write_bytes(gzip.compress(b"packed without saying so"))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.mkdir("folder")
        archive.writestr("folder/c.tsv", "zipped")
    names = ("a.csv", "a.csv.gz", "b.csv", "c.zip")
    plain = [unpack(tmp_path / name, "", scratch) for name in names]
    assert [path.name for path in plain] == ["a.csv", "a.csv", "b.csv", "c.tsv"]
    assert [path.read_bytes() for path in plain] == [b"plain", b"packed", b"packed without saying so", b"zipped"]
    assert plain[0] == tmp_path / "a.csv"


TEXTS = {
    "utf-8": "naïve 红鞋 👟\n",
    "cp1252": "price – “fine”, 5 €\nGröße 42\n",
    "gb18030": "红鞋\n蓝色外套,质量很好\n",
    "utf-16": "Größe 红鞋\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("given", [True, False])
def test_encodings_are_detected_or_taken_as_given(tmp_path: Path, encoding: str, given: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXTS[encoding].encode(encoding))
    found = as_utf8(path, encoding if given else "", tmp_path, "a.txt")
    assert found.path.read_text(encoding="utf-8") == TEXTS[encoding]
    origin = "given" if given else "guessed" if encoding == "cp1252" else "detected"
    assert (found.encoding, found.origin, found.repaired) == (encoding, origin, 0)
    assert (found.path == path) == (encoding == "utf-8")


def test_latin_1_is_kept_apart_from_windows_only_where_given(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("café".encode("latin-1"))
    assert as_utf8(path, "latin-1", tmp_path, "a.txt").encoding == "iso8859-1"
    assert as_utf8(path, "", tmp_path, "a.txt").path.read_text(encoding="utf-8") == "café"


def test_a_character_cut_by_a_block_of_reading_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    content = "é\n".encode() * 2
    content += b"x" * ((1 << 20) - 1 - len(content)) + "红".encode()
    path.write_bytes(content)
    assert as_utf8(path, "", tmp_path, "a.txt").path == path
    path.write_bytes(content[:-1])
    cut = as_utf8(path, "", tmp_path, "a.txt")
    assert (cut.encoding, cut.repaired) == ("utf-8", 1)
    assert cut.path.read_text(encoding="utf-8").startswith("é\né\nxxx")

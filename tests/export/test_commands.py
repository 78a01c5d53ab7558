"""`versions`, its page in docs/, and `download` against a stand-in for the hub."""

import hashlib
from pathlib import Path

import pytest
from conftest import REPOSITORY
from radio_export.describe import markdown, plain_table
from radio_export.download import download
from radio_export.errors import ExportError
from radio_export.versions import VERSIONS

CONTENT = b"weights" * 1000


class FakeHub:
    """Delivers `content` in two halves; the first `failures` calls break off after one."""

    def __init__(self, content=CONTENT, failures=0, sha256=None, size=None):
        self.content, self.failures, self.asked, self.sent = content, failures, [], 0
        self.sha256 = sha256 or hashlib.sha256(CONTENT).hexdigest()
        self.size = len(CONTENT) if size is None else size

    def describe(self, repository, file):
        self.asked.append((repository, file))
        return self.size, self.sha256

    def fetch(self, repository, file, folder):
        path = Path(folder) / "half"
        have = path.read_bytes() if path.exists() else b""
        half = len(self.content) // 2
        if self.failures:
            self.failures -= 1
            path.write_bytes(self.content[:half])
            self.sent += half
            raise ConnectionError("connection lost\nmore lines")
        self.sent += len(self.content) - len(have)
        path.write_bytes(have + self.content[len(have) :])
        return path


def fetch(hub, output):
    download(VERSIONS["radio_v2.1"], output, lambda _: None, hub)


def test_download_writes_the_checked_file_and_nothing_else(tmp_path):
    hub = FakeHub()
    fetch(hub, tmp_path / "v")
    assert (tmp_path / "v").read_bytes() == CONTENT and len(list(tmp_path.iterdir())) == 1
    assert hub.asked == [("nvidia/RADIO", "radio_v2.1_bf16.pth.tar")]


def test_broken_transfer_is_continued_by_the_next_call(tmp_path):
    hub = FakeHub(failures=1)
    with pytest.raises(ExportError, match="connection lost; call again to go on"):
        fetch(hub, tmp_path / "v")
    assert not (tmp_path / "v").exists()
    fetch(hub, tmp_path / "v")
    assert (tmp_path / "v").read_bytes() == CONTENT
    assert hub.sent == len(CONTENT)


@pytest.mark.parametrize("hub", [FakeHub(sha256="0" * 64), FakeHub(size=3), FakeHub(content=b"x" + CONTENT[1:])])
def test_wrong_content_is_not_kept(hub, tmp_path):
    with pytest.raises(ExportError, match="SHA-256|bytes arrived"):
        fetch(hub, tmp_path / "v")
    assert not list(tmp_path.iterdir())


def test_version_without_a_file_names_its_folder(tmp_path):
    with pytest.raises(ExportError, match="eradio_v1 has no checkpoint file, only the folder nvidia/E-RADIO"):
        download(VERSIONS["eradio_v1"], tmp_path / "v", lambda _: None, FakeHub())


def test_existing_file_is_never_overwritten(tmp_path):
    (tmp_path / "v").write_text("mine")
    with pytest.raises(ExportError, match="exists already"):
        fetch(FakeHub(), tmp_path / "v")
    assert (tmp_path / "v").read_text() == "mine"


def test_versions_page_in_docs_equals_the_table():
    assert (REPOSITORY / "docs" / "models.md").read_text() == markdown(), "run radio-export versions --markdown"


def test_versions_lists_every_version_with_its_licence(capsys):
    from radio_export.cli import main

    assert main(["versions"]) == 0
    out = capsys.readouterr().out
    assert out == plain_table() + "\n"
    for name, version in VERSIONS.items():
        line = next(line for line in out.splitlines() if line.split()[0] == name)
        assert ("open" if name.startswith("c-radio") else "non-commercial") in line
        assert version.license in out


@pytest.mark.parametrize("command", ["export", "demo", "download", "versions", "verify"])
def test_every_command_explains_itself(command, capsys):
    from radio_export.cli import main

    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0 and "usage: radio-export " + command in capsys.readouterr().out


def test_demo_claims_no_licence_for_its_weights(tmp_path, capsys):
    from radio_export.cli import main

    assert main(["demo", "--version", "e-radio_v2", "--output", str(tmp_path / "o")]) == 0
    out = capsys.readouterr().out
    assert "random weights have no licence" in out and "licence of the weights:" not in out


def test_a_demo_has_the_precision_that_is_asked_for(tmp_path):
    from radio_export.cli import main
    from radio_export.manifest import read_manifest

    for precision in ("bfloat16", "float32"):
        command = ["demo", "--version", "radio_v2.5-b", "--precision", precision, "--output", str(tmp_path / precision)]
        assert main(command) == 0
        assert read_manifest(tmp_path / precision).precision == precision


@pytest.mark.parametrize("name", VERSIONS)
def test_tiny_demo_of_every_version_has_all_its_adaptors_and_verifies(name, run, tmp_path):
    from radio_export.manifest import read_manifest

    assert run("demo", "--version", name, "--output", tmp_path / "o", "--seed", 7) == (0, "")
    manifest = read_manifest(tmp_path / "o")
    widths = {t.name: (t.summary_dim, t.feature_dim) for t in VERSIONS[name].teachers}
    assert {a.name: (a.summary_dim, a.feature_dim) for a in manifest.adaptors} == widths
    assert manifest.precision == VERSIONS[name].dtype
    assert run("verify", tmp_path / "o") == (0, "")

"""`radio-export verify` sees every kind of damage, and passes what is whole."""

import shutil

import pytest
from radio_export.manifest import ModelManifest, read_manifest, write_manifest


@pytest.fixture(scope="module")
def artefacts(demo, tmp_path_factory):
    """Two demo models of different seeds."""
    from radio_export.cli import main

    root = tmp_path_factory.mktemp("artefacts")
    shutil.copytree(demo, root / "0")
    assert main(["demo", "--version", "radio_v2.5-b", "--output", str(root / "1"), "--seed", "1"]) == 0
    return root


@pytest.fixture
def artefact(artefacts, tmp_path):
    return shutil.copytree(artefacts / "0", tmp_path / "model")


def test_whole_artefact_passes(artefact, run):
    assert run("verify", artefact) == (0, "")


@pytest.mark.parametrize("name", ["backbone.pt", "adaptor_clip.pt", "adaptor_sam.pt"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.99999])
def test_one_flipped_byte_is_seen(name, place, artefact, run):
    data = bytearray((artefact / name).read_bytes())
    data[int(place * len(data))] ^= 1
    (artefact / name).write_bytes(data)
    code, error = run("verify", artefact)
    assert code == 1 and name in error and "SHA-256" in error


def test_truncated_file_is_seen(artefact, run):
    path = artefact / "adaptor_clip.pt"
    path.write_bytes(path.read_bytes()[:-1])
    code, error = run("verify", artefact)
    assert code == 1 and "bytes, the manifest says" in error


def test_absent_file_is_seen(artefact, run):
    (artefact / "adaptor_clip.pt").unlink()
    code, error = run("verify", artefact)
    assert code == 1 and "does not exist" in error


def test_manifest_of_another_model_is_seen(artefact, artefacts, run):
    shutil.copy(artefacts / "1" / "manifest.textproto", artefact)
    code, error = run("verify", artefact)
    assert code == 1 and "backbone.pt" in error


def test_modules_swapped_together_with_their_checksums_fail_the_self_test(artefact, artefacts, run):
    """Checksums that fit are not enough: the outputs must be those of this model."""
    manifest, other = read_manifest(artefact), read_manifest(artefacts / "1")
    shutil.copy(artefacts / "1" / "backbone.pt", artefact)
    manifest.backbone.CopyFrom(other.backbone)
    write_manifest(manifest, artefact)
    code, error = run("verify", artefact)
    assert code == 1 and "self-test: backbone summary differs" in error


def test_promised_width_that_the_module_does_not_keep_is_seen(artefact, run):
    manifest = read_manifest(artefact)
    manifest.adaptors[0].feature_dim += 1
    write_manifest(manifest, artefact)
    code, error = run("verify", artefact)
    assert code == 1 and "clip: the manifest promises widths" in error


def test_path_in_a_file_name_is_refused(artefact, run):
    manifest = read_manifest(artefact)
    manifest.backbone.name = "../model/backbone.pt"
    write_manifest(manifest, artefact)
    code, error = run("verify", artefact)
    assert code == 1 and "is not a plain name" in error


@pytest.mark.parametrize("text", ["nonsense", "format_version: 2", 'format_version: 1 colour: "red"'])
def test_malformed_manifest_is_refused(text, artefact, run):
    (artefact / "manifest.textproto").write_text(text)
    code, error = run("verify", artefact)
    assert code == 1 and "manifest.textproto" in error and error.count("\n") == 1


def test_manifest_without_self_test_is_refused(artefact, run):
    manifest = read_manifest(artefact)
    manifest.ClearField("self_test")
    write_manifest(manifest, artefact)
    code, error = run("verify", artefact)
    assert code == 1 and "self_test" in error


def test_folder_without_manifest_is_no_artefact(tmp_path, run):
    code, error = run("verify", tmp_path)
    assert code == 1 and "is not an artefact" in error


def test_demo_is_marked_as_random_everywhere(artefact):
    text = (artefact / "manifest.textproto").read_text()
    manifest = read_manifest(artefact)
    assert manifest.random_weights and not manifest.source_sha256 and "RANDOM WEIGHTS" in text
    assert isinstance(manifest, ModelManifest)


def test_same_seed_gives_the_same_model_and_another_seed_another(artefacts, tmp_path, run):
    run("demo", "--version", "radio_v2.5-b", "--output", tmp_path / "again")
    first, second, again = (read_manifest(p) for p in (artefacts / "0", artefacts / "1", tmp_path / "again"))
    assert first.self_test == again.self_test and first.embedding_space == again.embedding_space
    assert first.embedding_space != second.embedding_space

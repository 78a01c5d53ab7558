"""What is not a sound RADIO checkpoint is refused in one line, and nothing is left behind."""

import os
import pickle
import zipfile

import pytest
import torch
from synthetic import save, vit_checkpoint


def export(run, path, tmp_path, *options, version="radio_v2.5-b"):
    return run("export", "--checkpoint", path, "--version", version, "--output", tmp_path / "out" / "model", *options)


def assert_refused(result, tmp_path, *words):
    code, error = result
    assert code == 1
    assert error.count("\n") == 1 and error.startswith("radio-export: error: ")
    for word in words:
        assert word in error
    assert not (tmp_path / "out").exists() or not os.listdir(tmp_path / "out")


def test_sound_file_is_accepted(run, tmp_path):
    """The negative control of this file: the same helper succeeds on an untouched checkpoint."""
    assert export(run, save(vit_checkpoint(), tmp_path / "c"), tmp_path)[0] == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["model"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_malicious_pickle_is_refused_and_nothing_runs(wrapped, run, tmp_path):
    mark = tmp_path / "executed"

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    path = tmp_path / "c"
    if wrapped:
        checkpoint = vit_checkpoint()
        checkpoint["args"].extra = Attack()
        torch.save(checkpoint, path)
    else:
        path.write_bytes(pickle.dumps(Attack()))
    assert_refused(export(run, path, tmp_path), tmp_path, "refused" if wrapped else str(path))
    assert not mark.exists()
    if not wrapped:
        pickle.loads(path.read_bytes())  # Negative control: an ordinary reader does run it.
        assert mark.exists()


def test_every_unknown_and_missing_key_is_named(run, tmp_path):
    checkpoint = vit_checkpoint()
    state = checkpoint["state_dict"]
    state["base_model.blocks.1.attn.gate"] = state.pop("base_model.blocks.1.attn.proj.bias")
    del state["base_model.blocks.3.norm2.weight"]
    assert_refused(
        export(run, save(checkpoint, tmp_path / "c"), tmp_path),
        tmp_path,
        "missing keys: base_model.blocks.1.attn.proj.bias, base_model.blocks.3.norm2.weight",
        "unknown keys: base_model.blocks.1.attn.gate",
    )


@pytest.mark.parametrize(
    "key", ["extra.weight", "_heads.9.fc1.weight", "_heads.0.fc3.weight", "base_model.blocks.0.attn.q_norm.weight"]
)
def test_unknown_key_is_named(key, run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["state_dict"][key] = torch.zeros(3)
    assert_refused(export(run, save(checkpoint, tmp_path / "c"), tmp_path), tmp_path, "unknown keys", key)


@pytest.mark.parametrize(
    "key",
    [
        "base_model.patch_generator.pos_embed",
        "base_model.patch_generator.embedder.weight",
        "base_model.blocks.0.mlp.fc1.weight",
        "input_conditioner.norm_std",
        "_heads.2.final.2.weight",
        "_heads.2.blocks.0.2.bias",
        "_feature_projections.1.fc1.bias",
    ],
)
def test_missing_key_is_named(key, run, tmp_path):
    checkpoint = vit_checkpoint()
    del checkpoint["state_dict"][key]
    assert_refused(export(run, save(checkpoint, tmp_path / "c"), tmp_path), tmp_path, "missing keys", key)


def test_missing_last_block_is_noticed(run, tmp_path):
    checkpoint = vit_checkpoint(depth=5)
    state = checkpoint["state_dict"]
    checkpoint["state_dict"] = {k: v for k, v in state.items() if ".blocks.4." not in k}
    assert_refused(export(run, save(checkpoint, tmp_path / "c"), tmp_path), tmp_path, "4 blocks, not 5")


def test_wrong_shape_is_named(run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["state_dict"]["base_model.blocks.2.norm1.bias"] = torch.zeros(31)
    words = "wrong shapes: base_model.blocks.2.norm1.bias is [31], not [32]"
    assert_refused(export(run, save(checkpoint, tmp_path / "c"), tmp_path), tmp_path, words)


def test_wrong_version_is_refused(run, tmp_path):
    result = export(run, save(vit_checkpoint(), tmp_path / "c"), tmp_path, version="radio_v2.5-l")
    assert_refused(result, tmp_path, "vit_large_patch16_224", "vit_base_patch16_224")


def test_unknown_version_lists_the_known_ones(run, tmp_path):
    result = export(run, save(vit_checkpoint(), tmp_path / "c"), tmp_path, version="radio_v9")
    assert_refused(result, tmp_path, "'radio_v9'", "radio_v2.5-b", "c-radio_v4-h")


@pytest.mark.parametrize("content", [{"model": {}}, [1, 2], {"state_dict": {"a": torch.zeros(1)}, "args": {}}])
def test_other_torch_files_are_no_radio_checkpoints(content, run, tmp_path):
    assert_refused(export(run, save(content, tmp_path / "c"), tmp_path), tmp_path, "not a RADIO checkpoint")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_other_files_are_refused(content, run, tmp_path):
    (tmp_path / "c").write_bytes(content)
    assert_refused(export(run, tmp_path / "c", tmp_path), tmp_path, str(tmp_path / "c"))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file_is_refused(share, run, tmp_path):
    path = save(vit_checkpoint(), tmp_path / "c")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert_refused(export(run, path, tmp_path), tmp_path, str(path))


def test_absent_file_is_refused(run, tmp_path):
    assert_refused(export(run, tmp_path / "nothing", tmp_path), tmp_path, "is not a file")


def test_unknown_adaptor_lists_the_known_ones(run, tmp_path):
    result = export(run, save(vit_checkpoint(), tmp_path / "c"), tmp_path, "--adaptors", "clip,dino")
    assert_refused(result, tmp_path, "'dino'", "clip, siglip, dino_v2, sam")


def test_failure_while_writing_leaves_the_old_artefact_as_it_was(run, tmp_path, monkeypatch):
    path = save(vit_checkpoint(), tmp_path / "c")
    assert export(run, path, tmp_path, "--adaptors", "clip,sam")[0] == 0
    folder = tmp_path / "out" / "model"
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    from radio_export import export as module

    def fail(*_):
        raise OSError(28, "No space left on device", "backbone.pt")

    monkeypatch.setattr(module.selftest, "record", fail)
    code, error = export(run, path, tmp_path, "--adaptors", "clip")
    assert code == 1 and "No space left on device" in error
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert os.listdir(tmp_path / "out") == ["model"]


def test_old_artefact_comes_back_when_the_new_one_cannot_take_its_place(run, tmp_path, monkeypatch):
    path = save(vit_checkpoint(), tmp_path / "c")
    assert export(run, path, tmp_path, "--adaptors", "clip,sam")[0] == 0
    from radio_export import export as module

    before, replace = sorted(os.listdir(tmp_path / "out" / "model")), os.replace

    def fail(source, target):
        if source.name == "new":
            raise OSError(13, "Permission denied", str(target))
        replace(source, target)

    monkeypatch.setattr(module.os, "replace", fail)
    code, error = export(run, path, tmp_path, "--adaptors", "clip")
    assert code == 1 and "Permission denied" in error
    assert sorted(os.listdir(tmp_path / "out" / "model")) == before and os.listdir(tmp_path / "out") == ["model"]


def test_folder_that_is_no_artefact_is_never_replaced(run, tmp_path):
    folder = tmp_path / "out" / "model"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("ten years")
    code, error = export(run, save(vit_checkpoint(), tmp_path / "c"), tmp_path)
    assert code == 1 and "is not an artefact" in error
    assert (folder / "thesis.tex").read_text() == "ten years"


@pytest.mark.parametrize(
    "arguments",
    [[], ["export"], ["nonsense"], ["demo", "--version", "radio_v1"], ["export", "--vitdet-window-size", "0"]],
)
def test_wrong_usage_exits_with_2(arguments, run):
    code, error = run(*arguments)
    assert code == 2 and "usage:" in error


def test_zip_that_is_no_torch_file_is_refused(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "c", "w") as z:
        z.writestr("a.txt", "b")
    assert_refused(export(run, tmp_path / "c", tmp_path), tmp_path, str(tmp_path / "c"))

"""Malformed arguments and tensors: always one clear line, never a traceback and never an endless build."""

import copy
import random

import pytest
import torch
from radio_export.checkpoint import Checkpoint, check_tensors
from radio_export.demo import demo_checkpoint
from radio_export.errors import ExportError
from radio_export.export import export_model
from radio_export.options import ExportOptions
from radio_export.versions import VERSIONS
from synthetic import save, vit_checkpoint

ODD_VALUES = [None, -1, 0, 10**12, "x", 1.5, [], {}, {"a": 1}, [1], float("nan"), True]


def odd_tensor(choice, tensor):
    shapes = [torch.tensor(1.0), torch.zeros(0), torch.zeros(1, 0), tensor[:-1], tensor.flatten(), tensor[None]]
    return choice([*shapes, tensor.to(torch.int64), tensor.to(torch.complex64)])


def mutate(checkpoint, seed):
    """One to three changes to arguments or tensors; the same for the same seed."""
    rng = random.Random(seed)
    state, args = dict(checkpoint.state), copy.deepcopy(checkpoint.args)
    for _ in range(rng.randint(1, 3)):
        key = rng.choice(sorted(state))
        kind = rng.randrange(5)
        if kind == 0:
            state[key] = odd_tensor(rng.choice, state[key]) if state[key].dim() else torch.zeros(3)
        elif kind == 1:
            state[key + rng.choice([".extra", "x", ".5"])] = state.pop(key)
        elif kind == 2:
            state[key.replace(".0.", f".{rng.choice([10**9, -1, 'x'])}.")] = state.pop(key)
        elif kind == 3:
            args[rng.choice(sorted(set(args) - {"model"}))] = rng.choice(ODD_VALUES)
        else:
            teachers = args["teachers"] if isinstance(args["teachers"], list) else []
            owner = rng.choice([args["model_kwargs"], *teachers])
            if isinstance(owner, dict) and owner:
                owner[rng.choice(sorted(owner))] = rng.choice(ODD_VALUES)
    return Checkpoint(state, args, "0" * 64)


@pytest.mark.parametrize("version", ["radio_v2.1", "radio_v2.5-g", "c-radio_v4-h", "eradio_v1", "e-radio_v2"])
def test_mutated_files_are_refused_in_one_line(version, tmp_path, monkeypatch):
    monkeypatch.setattr("radio_export.export._save", lambda *_: None)  # Scripting is slow and changes no verdict.
    monkeypatch.setattr("radio_export.selftest.record", lambda *_: None)
    checkpoint, refused = demo_checkpoint(VERSIONS[version], "tiny", 3), 0
    for seed in range(80):
        try:
            export_model(mutate(checkpoint, seed), VERSIONS[version], tmp_path / "o", ExportOptions())
        except ExportError as e:
            refused += 1
            assert "\n" not in str(e), seed
        except Exception as e:
            raise AssertionError(f"seed {seed}: {e!r}") from e
    assert 30 < refused < 80  # Some changes are harmless, most are not.


@pytest.mark.parametrize("name", ["../../etc/cron", "a/b", "", "backbone", "a\nb", None, 3])
def test_teacher_name_never_becomes_a_path(name, run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["args"].teachers[0]["name"] = name
    path = save(checkpoint, tmp_path / "c")
    code, error = run("export", "--checkpoint", path, "--version", "radio_v2.5-b", "--output", tmp_path / "o" / "m")
    assert code == 1 and "teachers[0]" in error and error.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c"]


def test_tensor_larger_than_its_data_is_refused():
    check_tensors({"plain": torch.zeros(3, 4), "view": torch.zeros(6)[2:]})
    for name, bad in {"expanded": torch.zeros(1).expand(10**9), "sparse": torch.eye(3).to_sparse()}.items():
        with pytest.raises(ExportError, match=name):
            check_tensors({name: bad})


def test_weights_that_are_not_finite_are_refused(run, tmp_path):
    checkpoint = vit_checkpoint()
    checkpoint["state_dict"]["base_model.blocks.2.mlp.fc1.bias"][3] = float("nan")
    path = save(checkpoint, tmp_path / "c")
    code, error = run(
        "export", "--checkpoint", path, "--version", "radio_v2.5-b", "--output", tmp_path / "o", "--adaptors", "clip"
    )
    assert code == 1 and "not finite" in error and not (tmp_path / "o").exists()

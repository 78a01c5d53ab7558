"""Recorded outputs of small models, where RADIO_GOLDENS names a folder of them.

Layout: `cases/<case>.json` (arguments, tensors, runs), `outputs/<case>.<run>.npz`, `outputs_2024/`, `inputs.py`,
`make_checkpoint.py`.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import outputs

FOLDER = Path(os.environ.get("RADIO_GOLDENS", ""))
VERSIONS = {
    "a_v1": "radio_v1",
    "b_v2": "radio_v2",
    "c_v2.1": "radio_v2.1",
    "d_v2.5-b": "radio_v2.5-b",
    "e_e-radio": "e-radio_v2",
    "g_v3-b": "c-radio_v3-b",
    "h_v4": "c-radio_v4-so400m",
}
FLOAT32_LIMIT = 1e-4


def runs():
    if not os.environ.get("RADIO_GOLDENS"):
        return []
    cases = [json.loads(path.read_text()) for path in sorted((FOLDER / "cases").glob("*.json"))]
    return [
        pytest.param(c, r, id=f"{c['name']}.{r['name']}") for c in cases if c["name"] in VERSIONS for r in c["runs"]
    ]


@pytest.fixture(scope="module")
def goldens():
    """The folder's own generators of checkpoints and images."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("make_checkpoint"), importlib.import_module("inputs")
    sys.path.remove(str(FOLDER))


def arguments(run):
    result = ["--precision", run["dtype"], "--adaptors", ",".join(run["adaptors"])]
    for option in ("vitdet_num_windowed", "vitdet_num_global", "eradio_window"):
        if option in run:
            result += ["--" + option.replace("_", "-"), run[option]]
    if "vitdet_window" in run:
        result += ["--vitdet-window-size", run["vitdet_window"]]
    return result + (["--era", "2024"] if run.get("pos_align_corners") else [])


def compare(got, want, reference, key, j):
    """(distance in units of the reference's rms, limit)."""
    exact = reference[key].astype(np.float64)
    rms = np.sqrt(np.mean(exact**2))
    limit = FLOAT32_LIMIT if reference is want else 2 * np.abs(want[key] - exact).max() / rms
    return np.abs(got.reshape(exact[j].shape) - exact[j]).max() / rms, limit


@pytest.mark.skipif(not os.environ.get("RADIO_GOLDENS"), reason="RADIO_GOLDENS names no folder of recorded outputs")
@pytest.mark.parametrize("case,golden_run", runs() or [pytest.param(None, None, id="none")])
def test_recorded_outputs(case, golden_run, goldens, run, tmp_path):
    make_checkpoint, inputs = goldens
    torch.save(make_checkpoint.make_checkpoint(case), tmp_path / "c")
    where = ["--checkpoint", tmp_path / "c", "--version", VERSIONS[case["name"]], "--output", tmp_path / "o"]
    assert run("export", *where, *arguments(golden_run)) == (0, "")
    era = "outputs_2024" if golden_run.get("pos_align_corners") else "outputs"
    want = np.load(FOLDER / era / f"{case['name']}.{golden_run['name']}.npz")
    bfloat16 = golden_run["dtype"] == "bfloat16"
    reference = np.load(FOLDER / "outputs" / f"{case['name']}.fp32.npz") if bfloat16 else want
    items = [
        (i, j, item["size"], s) for i, item in enumerate(golden_run["inputs"]) for j, s in enumerate(item["images"])
    ]
    pictures = [inputs.make_image(*size, seed) for _, _, size, seed in items]
    got = outputs(tmp_path / "o", pictures, together="eradio_window" not in golden_run)
    worst = (0.0, 1.0)
    for name, pairs in got.items():
        for (i, j, _, _), (summary, features) in zip(items, pairs, strict=True):
            prefix, rows = f"{i}.{name}.", f"{i}.{name}.rows" in want
            features = features[want[prefix + "rows"]] if rows else features
            key = prefix + ("features_at_rows" if rows else "features")
            for tensor, name_in_file in ((summary, prefix + "summary"), (features, key)):
                found = compare(tensor.numpy(), want, reference, name_in_file, j)
                worst = max(worst, found, key=lambda pair: pair[0] / pair[1])
    print(f"{case['name']}.{golden_run['name']}: {worst[0]:.3g} of {worst[1]:.3g}")
    assert worst[0] <= worst[1]

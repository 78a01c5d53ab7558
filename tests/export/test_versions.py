"""The version table: parameter counts, full-size files, rules."""

import json
import math
import os
from pathlib import Path

import pytest
import torch
from radio_export.backbone import build_backbone
from radio_export.checkpoint import Checkpoint
from radio_export.demo import demo_layout
from radio_export.export import nearest
from radio_export.options import ExportOptions
from radio_export.versions import VERSIONS, registers, vitdet_period
from radio_export.vit import window_pattern

BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "relative_bias", "relative_coords_table")


def is_parameter(key):
    return key.startswith("base_model.") and not key.endswith((*BUFFERS, "relative_position_index"))


@pytest.mark.parametrize("name", VERSIONS)
def test_full_size_file_has_the_published_parameter_count(name):
    layout, _ = demo_layout(VERSIONS[name], "full")
    assert sum(math.prod(shape) for key, shape in layout.items() if is_parameter(key)) == VERSIONS[name].parameters


@pytest.mark.parametrize("name", VERSIONS)
def test_full_size_file_fills_the_module_without_a_key_left(name):
    """On the meta device: shapes and names only."""
    layout, args = demo_layout(VERSIONS[name], "full")
    state = {key: torch.empty(shape, device="meta") for key, shape in layout.items()}
    backbone = build_backbone(Checkpoint(state, args), VERSIONS[name], ExportOptions())
    assert backbone.feature_dim == (1536 if name == "e-radio_v2" else VERSIONS[name].dims.dim)


PREFIX = {
    "radio_v1": 8,
    "radio_v2": 16,
    "radio_v2.1": 16,
    "radio_v2.5-b": 8,
    "radio_v2.5-g": 5,
    "c-radio_v3-h": 8,
    "c-radio_v4-h": 10,
    "c-radio_v4-so400m": 10,
}


@pytest.mark.parametrize("name", PREFIX)
def test_prefix_tokens(name):
    layout, _ = demo_layout(VERSIONS[name], "full")
    assert next(v[0] for k, v in layout.items() if k.endswith("cls_token.token")) == PREFIX[name]


def test_registers_fill_a_full_multiple_when_the_teachers_divide_evenly():
    assert [registers(3, 8, None), registers(4, 16, None), registers(4, 4, None), registers(3, 10, None)] == [
        5,
        12,
        4,
        7,
    ]
    assert registers(1, None, 4) == 4 and registers(4, 0, None) == 0


GLOBAL_BLOCKS = {
    "radio_v1": [7, 15, 23, 31],
    "radio_v2": [5, 11, 17, 23, 29, 31],
    "radio_v2.1": [5, 11, 17, 23, 29, 31],
    "radio_v2.5-b": [2, 5, 8, 11],
    "radio_v2.5-l": [5, 11, 17, 23],
    "radio_v2.5-h": [7, 15, 23, 31],
    "radio_v2.5-g": [4, 9, 14, 19, 24, 29, 34, 39],
    "c-radio_v2-g": [4, 9, 14, 19, 24, 29, 34, 39],
    "c-radio_v2-vlm-h": [3, 7, 11, 15, 19, 23, 27, 31],
    "c-radio_v4-h": [7, 15, 23, 31],
    "c-radio_v4-so400m": [5, 11, 17, 23, 26],
}


@pytest.mark.parametrize("name", GLOBAL_BLOCKS)
def test_vitdet_global_blocks(name):
    version = VERSIONS[name]
    pattern = window_pattern(version.dims.depth, vitdet_period(version, version.dims.depth, None, None, "head"))
    assert [i for i, windowed in enumerate(pattern) if not windowed] == GLOBAL_BLOCKS[name]


def test_vitdet_of_2024_has_period_six_for_every_version():
    assert vitdet_period(VERSIONS["radio_v1"], 32, None, None, "2024") == 6


ROUNDED = {
    16: {7: 16, 8: 16, 24: 32, 40: 32, 56: 64, 72: 64, 88: 96, 100: 96, 378: 384, 393: 400, 1080: 1088},
    14: {7: 14, 21: 28, 35: 28, 378: 378, 480: 476, 640: 644, 720: 714, 1080: 1078, 1280: 1274},
}


@pytest.mark.parametrize("step", ROUNDED)
def test_nearest_supported_side_rounds_halves_to_even(step):
    assert {side: nearest(side, step) for side in ROUNDED[step]} == ROUNDED[step]


@pytest.mark.parametrize("name", ["radio_v1", "radio_v2.1", "e-radio_v2"])
def test_demo_layout_equals_a_published_key_list(name):
    folder = os.environ.get("RADIO_GOLDENS")
    if not folder:
        pytest.skip("RADIO_GOLDENS names no folder with full-size key lists")
    published = json.loads((Path(folder) / "full_size" / f"{name}.json").read_text())
    layout, _ = demo_layout(VERSIONS[name], "full")
    mine = {k: list(v) for k, v in layout.items() if k.startswith(("base_model.", "input_conditioner."))}
    assert mine == {k: shape for k, (shape, _) in published.items()}
    heads = json.loads((Path(folder) / "full_size" / f"{name}.heads.json").read_text())
    mine = {k: list(v) for k, v in layout.items() if k.startswith("_")}
    assert mine == {k: shape for k, (shape, _) in heads.items()}

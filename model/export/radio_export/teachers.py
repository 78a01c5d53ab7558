"""Teachers of a checkpoint: names, heads, and which prefix token each of them reads."""

import re
from dataclasses import dataclass
from typing import Any

from radio_export.checkpoint import Checkpoint, integer
from radio_export.errors import ExportError

# Key prefixes of the two heads of a teacher: summary, features.
HEAD_KINDS = ("_heads", "_feature_projections")
# Teachers name files and requests: letters, digits and a few marks, no separators of paths.
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")


@dataclass
class TeacherInfo:
    """One entry of `args.teachers`. `token`: prefix token its summary head reads; `keys`: keys of its heads."""

    name: str
    type: str
    model: str
    pretrained: str
    token: int
    use_summary: bool
    keys: list[str]
    upsample_factor: int


def read_teachers(args: dict[str, Any]) -> list[TeacherInfo]:
    """The file's teachers in their order, which numbers the heads. ExportError on malformed entries."""
    entries = args.get("teachers") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ExportError("checkpoint: args: teachers must be a list of dicts")
    per_teacher = bool(args.get("cls_token_per_teacher", True))
    return [_teacher(entry, index, per_teacher) for index, entry in enumerate(entries)]


def _teacher(entry: dict[str, Any], index: int, per_teacher: bool) -> TeacherInfo:
    name, slot = entry.get("name"), entry.get("token_slot")
    if not isinstance(name, str) or not _NAME.match(name) or name == "backbone":
        raise ExportError(f"checkpoint: args: teachers[{index}]: the name {name!r} cannot be used for a file")
    if slot is not None and (not isinstance(slot, int) or slot < 0):
        raise ExportError(f"checkpoint: args: teachers[{index}]: token_slot must be a whole number, not {slot!r}")
    return TeacherInfo(
        name=name,
        type=str(entry.get("type") or ""),
        model=str(entry.get("model") or ""),
        pretrained=str(entry.get("pretrained") or ""),
        token=0 if not per_teacher else index if slot is None else slot,
        use_summary=bool(entry.get("use_summary", True)),
        keys=[str(index), name],
        upsample_factor=integer(entry, "fd_upsample_factor", 1),
    )


def summary_indices(args: dict[str, Any], teachers: list[TeacherInfo], era: str) -> list[int]:
    """Prefix tokens of the backbone summary: indices of teachers with `use_summary`.

    Today (`head`) the first teacher of each name counts; in 2024 every one did. One class token: [0].
    A Hugging Face folder lists them itself.
    """
    listed = args.get("summary_idxs")
    if listed is not None:
        if not isinstance(listed, list) or not all(isinstance(i, int) and i >= 0 for i in listed):
            raise ExportError(f"checkpoint: summary_idxs must be a list of whole numbers, not {listed!r}")
        return listed
    if not args.get("cls_token_per_teacher", True):
        return [0]
    indices, seen = [], set()
    for index, teacher in enumerate(teachers):
        if teacher.use_summary and (era == "2024" or teacher.name not in seen):
            indices.append(index)
            seen.add(teacher.name)
    return indices


def select_teachers(checkpoint: Checkpoint, teachers: list[TeacherInfo], names: list[str]) -> list[TeacherInfo]:
    """The teachers called `names`, or without names all that have a head in the file; the first of equal names."""
    first = {}
    for teacher in teachers:
        first.setdefault(teacher.name, teacher)
    with_heads = [t for t in first.values() if any(head_part(checkpoint, t, kind) for kind in HEAD_KINDS)]
    if not names:
        return with_heads
    available = {t.name: t for t in with_heads}
    for name in names:
        if name not in available:
            raise ExportError(
                f"--adaptors: the file has no heads for {name!r}; it has: {', '.join(available) or 'none'}"
            )
    if len(set(names)) != len(names):
        raise ExportError("--adaptors: a name is given twice")
    return [available[name] for name in names]


def head_part(checkpoint: Checkpoint, teacher: TeacherInfo, kind: str):
    """Tensors of one head, by the teacher's index or its name; `kind`: `_heads` or `_feature_projections`."""
    return checkpoint.part(*(f"{kind}.{key}." for key in teacher.keys))

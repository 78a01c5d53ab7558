"""A table of coverage per directory of our own code, from what llvm-cov exports: lines as lcov, branches as JSON.

    tools/coverage_table.py [--torch] LINES BRANCHES
    --torch    the directories that only tests with LibTorch reach, and no others

Exit code 1 when a directory is below its bar.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LINES, BRANCHES = 0.95, 0.85
OURS = ("client", "config", "model", "server")
# Reached by tests with LibTorch only; server/main as a process.
TORCH = ("model/engine/torch", "model/ops", "server/main")
GPU = "model/ops/cuda"


def path_of(file):
    """As Bazel calls the working tree."""
    return file.removeprefix("/proc/self/cwd/").removeprefix(f"{REPOSITORY}/")


def lines_of(lcov):
    """{file: {line: whether a test ran it}}"""
    files = {}
    for entry in lcov.splitlines():
        kind, _, rest = entry.partition(":")
        if kind == "SF":
            lines = files.setdefault(path_of(rest), {})
        elif kind == "DA":
            number, count = rest.split(",")[:2]
            lines[number] = lines.get(number, False) or int(count) > 0
    return files


def branches_of(text):
    """{file: {where and which side: whether a test took it}}; lcov counts a template's for each of its types."""
    files = {}
    for file in json.loads(text)["data"][0]["files"]:
        branches = files.setdefault(path_of(file["filename"]), {})
        groups = [((), file["branches"])]
        groups += [(tuple(e["source_region"][:4]), e["branches"]) for e in file.get("expansions", [])]
        for expanded, found in groups:
            for *where, taken, not_taken in (branch[:6] for branch in found):
                for side, count in enumerate((taken, not_taken)):
                    key = (expanded, *where, side)
                    branches[key] = branches.get(key, False) or count > 0
    return files


def directories(lines, branches, torch):
    """{directory: [lines run, lines, branches run, branches]} of those that need LibTorch, or of the others."""
    sums = defaultdict(lambda: [0, 0, 0, 0])
    for file in lines:
        folder = str(Path(file).parent)
        if not folder.startswith(OURS) or folder.startswith(TORCH) != torch or folder == GPU or "gen/" in file:
            continue
        for i, values in ((0, lines[file]), (2, branches.get(file, {}))):
            sums[folder][i] += sum(values.values())
            sums[folder][i + 1] += len(values)
    return sums


def main():
    *flags, lines, branches = sys.argv[1:]
    sums = directories(lines_of(Path(lines).read_text()), branches_of(Path(branches).read_text()), "--torch" in flags)
    low = []
    print(f"| Directory | Lines (>= {LINES:.0%}) | Branches (>= {BRANCHES:.0%}) |\n|---|---|---|")
    for folder, (run, all_lines, taken, all_branches) in sorted(sums.items()):
        shares = run / max(1, all_lines), taken / all_branches if all_branches else 1
        if shares[0] < LINES or shares[1] < BRANCHES:
            low.append(folder)
        print(f"| {folder} | {shares[0]:.1%} of {all_lines} | {shares[1]:.1%} of {all_branches} |")
    print(f"below: {', '.join(low) if low else 'none'}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())

"""A table of coverage per directory of our own code, from an lcov file.

    tools/coverage_table.py [--torch] FILE
    --torch    the directories that only tests with LibTorch reach, and no others

Exit code 1 when a directory is below its bar.
"""

import sys
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LINES, BRANCHES = 0.95, 0.85
OURS = ("client", "config", "model", "server")
# Reached by tests with LibTorch only; server/main as a process.
TORCH = ("model/engine/torch", "model/ops", "server/main")


def counts(text):
    """{file: (lines, branches)}, each {where: whether a test ran it}."""
    files, file = {}, None
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            # As Bazel calls the working tree.
            file = rest.removeprefix("/proc/self/cwd/").removeprefix(f"{REPOSITORY}/")
            lines, branches = files.setdefault(file, ({}, {}))
        elif kind == "DA":
            number, count = rest.split(",")[:2]
            lines[number] = lines.get(number, False) or int(count) > 0
        elif kind == "BRDA":
            *where, count = rest.split(",")
            key = tuple(where)
            branches[key] = branches.get(key, False) or count not in ("-", "0")
    return files


def directories(files, torch):
    """{directory: [lines run, lines, branches run, branches]} of those that need LibTorch, or of the others."""
    sums = defaultdict(lambda: [0, 0, 0, 0])
    for file, (lines, branches) in files.items():
        folder = str(Path(file).parent)
        if not folder.startswith(OURS) or folder.startswith(TORCH) != torch or "gen/" in file:
            continue
        for i, values in ((0, lines), (2, branches)):
            sums[folder][i] += sum(values.values())
            sums[folder][i + 1] += len(values)
    return sums


def main():
    *flags, file = sys.argv[1:]
    files, low = counts(Path(file).read_text()), []
    print(f"| Directory | Lines (>= {LINES:.0%}) | Branches (>= {BRANCHES:.0%}) |\n|---|---|---|")
    for folder, (run, lines, taken, branches) in sorted(directories(files, "--torch" in flags).items()):
        shares = run / max(1, lines), taken / branches if branches else 1
        if shares[0] < LINES or shares[1] < BRANCHES:
            low.append(folder)
        print(f"| {folder} | {shares[0]:.1%} of {lines} | {shares[1]:.1%} of {branches} |")
    print(f"below: {', '.join(low) if low else 'none'}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())

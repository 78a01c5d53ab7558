#!/bin/bash
# The benchmark suite: a table of ratios measured inside one run. tools/bench.sh [--quick] [--device cuda:N] [--json FILE]
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
exec .venv/bin/python tests/benchmark/run.py "$@"

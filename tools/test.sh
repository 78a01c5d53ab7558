#!/bin/bash
# Installs what is missing, builds and runs every test that needs no GPU; ends with "N passed, N failed[, N skipped]".
#   tools/test.sh [--fast | --asan | --tsan]
#   --fast  unit tests only
#   --asan  C++ tests under AddressSanitizer + UBSan      --tsan  those without LibTorch under ThreadSanitizer
set -euo pipefail
cd "$(dirname "$0")/.."

python_tests=1
flags=(-c opt)
case "${1:-}" in
  "") ;;
  --fast) flags+=(--test_size_filters=small); python_tests=0 ;;
  --asan) flags=(--config=asan --build_tests_only); python_tests=0 ;;
  --tsan) flags=(--config=tsan --test_tag_filters=-torch --build_tag_filters=-torch --build_tests_only); python_tests=0 ;;
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "usage: tools/test.sh [--fast | --asan | --tsan]" >&2; exit 2 ;;
esac

tools/setup.sh
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

bazel_status=0
bazel test "${flags[@]}" --keep_going --build_event_json_file="$results/events.json" //... || bazel_status=$?
pytest_status=0
if [ $python_tests = 1 ]; then
  # The exporter's tests compute, most others wait.
  .venv/bin/python -m pytest -q -rs --junitxml="$results/export.xml" tests/export >"$results/export.log" 2>&1 &
  .venv/bin/python -m pytest -q -rs --junitxml="$results/pytest.xml" --ignore=tests/export tests || pytest_status=$?
  wait $! || pytest_status=$?
  cat "$results/export.log"
fi
.venv/bin/python tools/summarize_tests.py "$bazel_status" "$pytest_status" "$results"

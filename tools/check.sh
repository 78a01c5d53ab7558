#!/bin/bash
# Every developer check, the same here and in CI: tools/check.sh {format,lint,build,test,asan,tsan,fuzz,coverage,corpora,deploy,image,load,storm,all}...
set -euo pipefail
cd "$(dirname "$0")/.."

# Files of the project that match the patterns, committed or not.
project_files() { git ls-files --cached --others --exclude-standard -- "$@"; }

check_format() {
  project_files '*.cc' '*.h' '*.cu' | xargs clang-format-14 --dry-run --Werror
  .venv/bin/ruff format --check --quiet .
}

# clang-tidy reads the same headers as the build, so the generated ones must exist. It covers the edge; client/ and model/ join as soon as
# they have been read through with it. Files that include LibTorch take minutes each and are left to the compiler's warnings.
check_lint() {
  .venv/bin/ruff check --quiet .
  (cd python && ../.venv/bin/mypy --no-error-summary)
  project_files '*.sh' .ci/run | xargs .venv/bin/shellcheck -x
  bazel build -c opt //proto/... //config/... //server:status_page_html
  project_files 'server/*.cc' 'config/*.cc' | xargs -P "$(nproc)" -n 2 tools/clang_tidy.sh
}

check_build() { bazel build -c opt //...; }
check_test() { tools/test.sh; }
check_asan() { tools/test.sh --asan; }
check_tsan() { tools/test.sh --tsan; }
check_fuzz() { tools/fuzz.sh; }
check_coverage() { tools/coverage.sh; }
check_corpora() {
  tools/corpora.sh
  bazel build -c opt //tests/corpora:verdicts
  .venv/bin/python -m pytest -q -rs tests/corpora
}
check_image() { .venv/bin/python tools/image.py; }
check_load() {
  bazel build -c opt //tests/load:stub_server //client:radio
  .venv/bin/python tests/load/suite.py
}
check_storm() { tools/cancel_storm.sh; }
check_deploy() {
  bazel build -c opt //server/main:radio_server //tests/load:stub_server //client:radio
  .venv/bin/python -m pytest -q -rs --complete tests/deploy
}

usage() {
  sed -n '2s/^# //p' "$0" >&2
  exit 2
}

[ $# -gt 0 ] || usage
[ "$1" != all ] || set -- format lint build test asan tsan fuzz coverage corpora deploy image load storm
for name in "$@"; do declare -F "check_$name" >/dev/null || usage; done
tools/setup.sh
for name in "$@"; do
  begun=$SECONDS
  trap 'echo "check $name: FAILED" >&2' EXIT
  # Not the condition of an `if`: there bash would let all but the last of its commands fail.
  "check_$name"
  trap - EXIT
  echo "check $name: ok ($((SECONDS - begun)) s)"
done

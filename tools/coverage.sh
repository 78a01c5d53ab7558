#!/bin/bash
# Lines and branches that the C++ tests without LibTorch run, per directory of our own code, against 95 % and 85 %. Report in out/coverage/.
#   tools/coverage.sh [PATTERN...]   Bazel patterns of the tests to run (default //...); with some, the table is of what they reach
set -euo pipefail
cd "$(dirname "$0")/.."

patterns=("$@")
[ $# -gt 0 ] || patterns=(//...)
out=$PWD/out/coverage
rm -rf "$out"
mkdir -p "$out/raw"
# %m: one file per binary, merged over its runs.
tests=0
bazel test --keep_going --config=coverage --test_tag_filters=-torch --build_tag_filters=-torch --build_tests_only \
  --test_env=LLVM_PROFILE_FILE="$out/raw/%m.profraw" --cache_test_results=no "${patterns[@]}" || tests=$?
llvm-profdata-14 merge -sparse "$out"/raw/*.profraw -o "$out/tests.profdata"
# Tests link libraries dynamically, so that code that no test calls counts too.
objects=()
while read -r target; do
  binary=bazel-bin/${target#//}
  binary=${binary/://}
  [ ! -x "$binary" ] || objects+=(-object "$binary")
done < <(bazel query "kind(cc_test, set(${patterns[*]})) except attr(tags, torch, set(${patterns[*]}))" 2>/dev/null)
while read -r library; do
  objects+=(-object "$library")
done < <(find bazel-bin/client bazel-bin/config bazel-bin/model bazel-bin/server -name '*.so' 2>/dev/null)
llvm-cov-14 export -format=lcov -instr-profile "$out/tests.profdata" "${objects[@]}" >"$out/tests.lcov"
.venv/bin/python tools/coverage_table.py "$out/tests.lcov"
exit "$tests"

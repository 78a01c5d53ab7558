#!/bin/bash
# Lines and branches that the C++ tests without LibTorch run, per directory of our own code, against 95 % and 85 %. Report in out/coverage/.
#   tools/coverage.sh [--torch] [PATTERN...]
#   --torch     the tests with LibTorch instead, and the directories that are theirs alone
#   PATTERN...  Bazel patterns of the tests to run (default //...); with some, the table is of what they reach
set -euo pipefail
cd "$(dirname "$0")/.."

table=()
filter=-torch
flags=()
if [ "${1:-}" = --torch ]; then
  table=(--torch)
  filter=torch
  # Clang's OpenMP runtime beside GCC's, which LibTorch brings: they agree only about one thread. Clang judges the registers of inline
  # assembly by what the whole file may use.
  flags=(--linkopt=-fopenmp --test_env=OMP_NUM_THREADS=1 '--per_file_copt=^model/ops/@-march=native')
  shift
fi
patterns=("$@")
[ $# -gt 0 ] || patterns=(//...)
out=$PWD/out/coverage
rm -rf "$out"
mkdir -p "$out/raw"
# %m: one file per binary, merged over its runs.
tests=0
bazel test --keep_going --config=coverage "${flags[@]}" "--test_tag_filters=$filter" "--build_tag_filters=$filter" --build_tests_only \
  --test_env=LLVM_PROFILE_FILE="$out/raw/%m.profraw" --cache_test_results=no "${patterns[@]}" || tests=$?
llvm-profdata-14 merge -sparse "$out"/raw/*.profraw -o "$out/tests.profdata"
# The tests, the programs that they start, and the libraries: tests link these dynamically, so that code that no test calls counts too.
objects=()
while read -r target; do
  binary=bazel-bin/${target#//}
  binary=${binary/://}
  [ ! -x "$binary" ] || objects+=(-object "$binary")
done < <(bazel query "kind('cc_(test|binary)', deps(kind(cc_test, set(${patterns[*]}))))" 2>/dev/null | grep ^//)
while read -r library; do
  objects+=(-object "$library")
done < <(find bazel-bin/client bazel-bin/config bazel-bin/model bazel-bin/server -type f -name '*.so' 2>/dev/null)
for format in lcov text; do
  llvm-cov-14 export -format=$format -skip-functions -instr-profile "$out/tests.profdata" "${objects[@]}" >"$out/tests.$format"
done
.venv/bin/python tools/coverage_table.py "${table[@]}" "$out/tests.lcov" "$out/tests.text"
exit "$tests"

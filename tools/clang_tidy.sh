#!/bin/bash
# clang-tidy on C++ sources with the build's include paths: tools/clang_tidy.sh FILE... Silent and 0 when there is nothing to say.
set -uo pipefail
output=$(clang-tidy-14 --quiet --warnings-as-errors='*' "$@" -- -std=c++17 -I. -isystem bazel-bin -isystem bazel-bin/proto/gen -isystem bazel-bin/config/gen \
  -isystem /usr/include/eigen3 2>/dev/null)
status=$?
[ $status = 0 ] || echo "$output"
exit $status

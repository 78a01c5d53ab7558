#!/bin/bash
# Runs every fuzz target, or those named, with clang's libFuzzer under AddressSanitizer and UBSan, with the image codecs instrumented too
# (tools/fuzz_codecs.sh). Findings go to out/fuzz/.
#   tools/fuzz.sh [--seconds N] [TARGET...]
#   --seconds N  per target (default 60)
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60
targets=()
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) seconds=$2; shift ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "usage: tools/fuzz.sh [--seconds N] [TARGET...]" >&2; exit 2 ;;
    *) targets+=("//tests/fuzz:$1") ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(bazel query 'kind(cc_binary, //tests/fuzz/...)' 2>/dev/null)

tools/fuzz_codecs.sh
bazel build --config=fuzz --linkopt="-L$PWD/out/fuzz-codecs/lib" "${targets[@]}"
mkdir -p out/fuzz
# What this run learns stays out of the checked-in corpus.
learned=$(mktemp -d)
trap 'rm -rf "$learned"' EXIT
for target in "${targets[@]}"; do
  name=${target##*:}
  mapfile -t corpus < <(bazel query "labels(data, ${target}_corpus_test)" 2>/dev/null | sed 's#^//##; s#:#/#; s#/[^/]*$##' | sort -u)
  mkdir "$learned/$name"
  echo "== $name, $seconds s"
  "bazel-bin/tests/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="out/fuzz/$name-" "$learned/$name" "${corpus[@]}" || {
    echo "$name: a finding, see out/fuzz/; add the file to its corpus once it is repaired" >&2
    exit 1
  }
done

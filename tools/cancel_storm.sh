#!/bin/bash
# 100,000 calls cancelled at random moments against a stub server built with AddressSanitizer + UBSan, then one with ThreadSanitizer: nothing
# reported, nothing left behind.
#   tools/cancel_storm.sh [asan | tsan]...
set -euo pipefail
cd "$(dirname "$0")/.."

configs=("$@")
[ $# -gt 0 ] || configs=(asan tsan)
# Suppressions of what gRPC hands from thread to thread go by the stack of the earlier access: it must be remembered for long.
tsan_options="history_size=7:suppressions=$PWD/tools/tsan.supp"
for config in "${configs[@]}"; do
  bazel build "--config=$config" //tests/load:stub_server
  echo "== $config"
  STUB_SERVER=$PWD/bazel-bin/tests/load/stub_server TSAN_OPTIONS=$tsan_options \
    .venv/bin/python tests/load/suite.py --only cancel
done

#!/bin/bash
# Writes the generated pages of docs/ anew: configuration.md, errors.md and metrics.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

bazel build -c opt //tools/docs:generate //config:server_config_descriptors

write() {
  bazel-bin/tools/docs/generate "$@" >"docs/$1.md.new"
  mv "docs/$1.md.new" "docs/$1.md"
}

write configuration bazel-bin/config/server_config.descriptors
write errors
write metrics

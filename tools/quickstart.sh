#!/bin/bash
# From nothing to features: installs what is missing, builds, exports a demo model (random weights: its features mean nothing), starts the
# server on a free port, sends the sample images and writes PCA pictures to out/. A second run takes seconds.
#   tools/quickstart.sh [--keep-running] [IMAGE...]
#   --keep-running  leave the server up and print its address
set -euo pipefail
cd "$(dirname "$0")/.."

keep_running=0
images=()
for argument in "$@"; do
  case "$argument" in
    --keep-running) keep_running=1 ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "usage: tools/quickstart.sh [--keep-running] [IMAGE...]" >&2; exit 2 ;;
    *) images+=("$argument") ;;
  esac
done
[ ${#images[@]} -gt 0 ] || images=(examples/images/*.jpg)

step() { printf '\n== %s\n' "$*"; }

step "Installing what is missing"
tools/setup.sh --run-only
step "Building the server and the client"
bazel build -c opt //server/main:radio_server //client:radio

model=out/models/radio_v2.1-demo
if [ ! -e $model/manifest.textproto ]; then
  step "Exporting a demo model: radio_v2.1, tiny, random weights"
  .venv/bin/radio-export demo --version radio_v2.1 --output $model
fi

step "Starting the server"
cat >out/quickstart.textproto <<CONFIG
listen_address: "127.0.0.1:0"
metrics_address: "127.0.0.1:0"
insecure: true
models { name: "radio_v2.1-demo" path: "$model" device: "cpu" }
default_model: "radio_v2.1-demo"
CONFIG
bazel-bin/server/main/radio_server --config=out/quickstart.textproto >out/server.stdout 2>out/server.log &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
until grep -q '"listening"' out/server.stdout; do
  kill -0 $server 2>/dev/null || { tail -n 5 out/server.log >&2; exit 1; }
  sleep 0.1
done
address=$(sed -n 's/.*"grpc":"\([^"]*\)".*/\1/p' out/server.stdout)
metrics=$(sed -n 's/.*"metrics":"\([^"]*\)".*/\1/p' out/server.stdout)
echo "gRPC on $address, metrics on http://$metrics/metrics"

step "Features of ${#images[@]} images (random weights: for the plumbing, not for the eye)"
bazel-bin/client/radio --server "$address" pca "${images[@]}" --out out/ --resize nearest

if [ $keep_running = 1 ]; then
  trap - EXIT
  disown $server
  step "The server stays up on $address (process $server; stop it with: kill $server)"
  exit 0
fi
step "Stopping the server"
kill -TERM $server
wait $server
trap - EXIT
echo "Done: the pictures are in out/."

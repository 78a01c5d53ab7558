#!/bin/bash
# Installs the C++ client library: headers, one static library (the protos' code included) and a pkg-config file. The folder may be moved
# afterwards. Needs what tools/setup.sh installs; its users need pkg-config, libgrpc++-dev, libprotobuf-dev and libabsl-dev.
#   tools/install_client.sh --prefix DIR
set -euo pipefail

usage() { echo "usage: tools/install_client.sh --prefix DIR" >&2; exit 2; }

case "${1:-}" in
  -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
  --prefix) [ $# = 2 ] && [ -n "$2" ] || usage ;;
  --prefix=?*) [ $# = 1 ] || usage ;;
  *) usage ;;
esac
prefix=${2:-${1#--prefix=}}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)

cd "$(dirname "$0")/.."
bazel build -c opt //client:package
tar -xf bazel-bin/client/package.tar -C "$prefix" --no-same-owner
echo "installed below $prefix; export PKG_CONFIG_PATH=$prefix/lib/pkgconfig"

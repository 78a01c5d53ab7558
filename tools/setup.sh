#!/bin/bash
# Installs what building, exporting and testing need: Debian packages and the Python environment .venv with the exporter and the Python
# client. Idempotent; a run with nothing to do takes a moment. Needs Debian 12, root or sudo, and the Debian and PyPI registries.
#   tools/setup.sh [--run-only]
#   --run-only  leave out what only tests and checks need
set -euo pipefail
cd "$(dirname "$0")/.."

# The LibTorch that the server links and the exporter's torch are one and the same.
torch=torch==2.11.0
# The last wheel with a perf_analyzer that runs on Debian 12.
perf_analyzer=tritonclient==2.51.0

tests=1
case "${1:-}" in
  "") ;;
  --run-only) tests=0 ;;
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "usage: tools/setup.sh [--run-only]" >&2; exit 2 ;;
esac

say() { echo "setup: $*" >&2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_debian_packages() {
  local packages missing=()
  if [ $tests = 1 ]; then
    mapfile -t packages < <(grep -v '^#' tools/debian-packages.txt)
  else
    mapfile -t packages < <(sed '/^# Checks/,$d; /^#/d' tools/debian-packages.txt)
  fi
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The torch wheel is a CUDA build whose Python module loads the CUDA libraries. Where a CUDA 13 toolkit is installed, only the few that it
# lacks are added; elsewhere they all come from PyPI.
install_torch() {
  if [ -e /usr/local/cuda/include/cuda.h ]; then
    .venv/bin/pip install -q --no-deps "$torch" nvidia-cufile nvidia-cusparselt-cu13==0.8.0 nvidia-nvshmem-cu13==3.4.5
    if .venv/bin/python -c 'import torch' 2>/dev/null; then return 0; fi
  fi
  say "installing torch with the CUDA libraries it loads (about 3 GB)"
  .venv/bin/pip install -q "$torch"
}

# Whether the files of a part of .venv are those it was made of: $1 names the part, the rest are the files.
current() {
  local stamp=.venv/$1-stamp
  shift
  [ "$(cat "$stamp" 2>/dev/null)" = "$(cat "$@" | sha256sum)" ]
}
mark() {
  local stamp=.venv/$1-stamp
  shift
  cat "$@" | sha256sum >"$stamp"
}

install_python_environment() {
  local files=(tools/setup.sh tools/requirements.txt model/export/pyproject.toml python/pyproject.toml python/setup.py)
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  if ! current run "${files[@]}"; then
    say "creating the Python environment in .venv (torch is large; this takes some minutes)"
    [ -x .venv/bin/pip ] || /usr/bin/python3 -m venv .venv
    .venv/bin/pip install -q --requirement tools/requirements.txt
    install_torch
    .venv/bin/pip install -q --no-deps --no-build-isolation --editable model/export --editable python
    mark run "${files[@]}"
  fi
  [ $tests = 1 ] || return 0
  files=(tools/setup.sh tools/requirements-tests.txt tools/requirements-oracles.txt)
  if ! current tests "${files[@]}"; then
    say "adding what the tests and checks need to .venv"
    .venv/bin/pip install -q --requirement tools/requirements-tests.txt
    .venv/bin/pip install -q --no-deps --requirement tools/requirements-oracles.txt
    .venv/bin/pip install -q --no-deps --upgrade --target .venv/perf_analyzer "$perf_analyzer"
    mark tests "${files[@]}"
  fi
}

# Python code of the protos; cheap enough to be made anew each time.
generate_python_protos() {
  .venv/bin/python -m grpc_tools.protoc -Iconfig --python_out=model/export/radio_export config/model_manifest.proto
  .venv/bin/python python/generate_protos.py
}

install_debian_packages
install_python_environment
generate_python_protos

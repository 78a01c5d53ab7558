#!/bin/bash
# Installs what building, testing and exporting need: Debian packages and the Python environment .venv. Idempotent; a run with nothing to
# do takes a moment. Needs Debian 12, root or sudo, and the Debian and PyPI registries.
set -euo pipefail
cd "$(dirname "$0")/.."

# The LibTorch that the server links and the exporter's torch are one and the same.
torch=torch==2.11.0

case "${1:-}" in
  "") ;;
  -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
  *) echo "usage: tools/setup.sh" >&2; exit 2 ;;
esac

say() { echo "setup: $*" >&2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_debian_packages() {
  local packages missing=()
  mapfile -t packages < <(grep -v '^#' tools/debian-packages.txt)
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

install_python_environment() {
  local stamp
  stamp=$(cat tools/setup.sh tools/requirements*.txt model/export/pyproject.toml | sha256sum)
  [ "$(cat .venv/setup-stamp 2>/dev/null)" != "$stamp" ] || return 0
  say "creating the Python environment in .venv (torch is large; this takes some minutes)"
  [ -x .venv/bin/pip ] || /usr/bin/python3 -m venv .venv
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  .venv/bin/pip install -q --requirement tools/requirements.txt
  install_torch
  .venv/bin/pip install -q --no-deps --requirement tools/requirements-oracles.txt
  .venv/bin/pip install -q --no-deps --no-build-isolation --editable model/export
  echo "$stamp" >.venv/setup-stamp
}

# Python code of the protos; cheap enough to be made anew each time.
generate_python_protos() {
  .venv/bin/python -m grpc_tools.protoc -Iconfig --python_out=model/export/radio_export config/model_manifest.proto
}

install_debian_packages
install_python_environment
generate_python_protos

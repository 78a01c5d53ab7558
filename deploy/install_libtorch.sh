#!/bin/bash
# Makes .venv with what the C++ build reads from it, for an image: LibTorch and the google.rpc protos. install_libtorch.sh {cpu,cuda}
set -euo pipefail
cd "$(dirname "$0")/.."

variant=$1
torch=$(sed -n 's/^torch=//p' tools/setup.sh)
pip() { .venv/bin/pip install -q --no-cache-dir --disable-pip-version-check "$@"; }

python3 -m venv .venv
pip "$(grep ^googleapis-common-protos== tools/requirements.txt)"
case "$variant" in
  # libtorch_cpu.so of this wheel names two small CUDA libraries, and needs no others.
  cpu) pip --no-deps "$torch" nvidia-cuda-runtime==13.0.* nvidia-cuda-cupti==13.0.* ;;
  # The compiler comes from wheels too, laid out as a toolkit.
  cuda)
    pip "$torch" nvidia-cuda-nvcc==13.0.* nvidia-cuda-crt==13.0.* nvidia-nvvm==13.0.* nvidia-cuda-cccl==13.0.*
    toolkit=$(.venv/bin/python -c 'import nvidia, os; print(os.path.join(list(nvidia.__path__)[0], "cu13"))')
    ln -sfn libcudart.so.13 "$toolkit/lib/libcudart.so"
    ln -sfn lib "$toolkit/lib64"
    ln -sfn "$toolkit" /usr/local/cuda
    ;;
  *) echo "install_libtorch.sh: the variant is cpu or cuda, not $variant" >&2; exit 2 ;;
esac

#!/bin/bash
# Gathers what the built programs need to run: collect_runtime.sh {cpu,cuda} OUT
#   OUT/usr/local/bin           radio_server, radio
#   OUT/usr/local/lib/radio     libraries that no Debian package has
#   OUT/packages.txt            Debian packages with the others
set -euo pipefail
cd "$(dirname "$0")/.."

variant=$1
out=$2
bin=$out/usr/local/bin
lib=$out/usr/local/lib/radio
mkdir -p "$bin" "$lib"
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

install -m 755 bazel-bin/server/main/radio_server bazel-bin/client/radio "$bin/"
roots=("$bin/radio_server" "$bin/radio")
if [ "$variant" = cuda ]; then
  # Opened by name at run time: the CUDA half of LibTorch, the operators, and what cuDNN and NVRTC load in turn.
  opened=("$site"/torch/lib/libtorch_cuda.so "$site"/torch/lib/libtorch_cuda_linalg.so bazel-bin/model/ops/cuda/libradio_ops_cuda.so)
  mapfile -t -O "${#opened[@]}" opened < <(find "$site/nvidia" -name 'libcudnn*.so.9' -o -name 'libnvrtc*.so.1*' -o -name 'libnvJitLink.so.1*')
  for file in "${opened[@]}"; do install -m 644 "$(realpath "$file")" "$lib/$(basename "$file")"; done
  roots+=("${opened[@]}")
fi

# The closure of what they link, as the loader of this machine finds it.
missing=$(ldd "${roots[@]}" | grep 'not found' | grep -v 'libcuda\.so' || true)
[ -z "$missing" ] || { echo "collect_runtime.sh: $missing" >&2; exit 1; }
: >"$out/packages.tmp"
while read -r name path; do
  if package=$(dpkg -S "$path" 2>/dev/null || dpkg -S "/usr$path" 2>/dev/null || dpkg -S "$(realpath "$path")" 2>/dev/null); then
    echo "${package%%:*}" >>"$out/packages.tmp"
  else
    install -m 644 "$(realpath "$path")" "$lib/$name"
  fi
done < <(ldd "${roots[@]}" | awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u)
sort -u "$out/packages.tmp" >"$out/packages.txt"
rm "$out/packages.tmp"
echo "$(wc -l <"$out/packages.txt") Debian packages; $(du -shL "$lib" | cut -f1) of other libraries, $(du -shL "$bin" | cut -f1) of programs"

#!/bin/bash
# Builds libjpeg-turbo, libpng and libwebp from Debian's sources with the instrumentation of the fuzz targets, as static libraries in
# out/fuzz-codecs/lib: libFuzzer sees nothing of the installed ones. Does nothing when they are there.
set -euo pipefail
shopt -s extglob
cd "$(dirname "$0")/.."

out=$PWD/out/fuzz-codecs
[ ! -e "$out/lib/done" ] || exit 0
tools/debian_source.sh "$out/src" libjpeg-turbo libpng1.6 libwebp
mkdir -p "$out/lib"
export CC=clang-14
flags="-O1 -g1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address"

# Compiles files of the current folder and puts them into library $1.
archive() {
  local library=$1
  shift
  local objects
  objects=$(mktemp -d)
  # Unquoted: several flags. File names are unique once their folders are part of them.
  # shellcheck disable=SC2086
  printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c "$CC $flags -I. -Isrc -DHAVE_CONFIG_H -c {} -o $objects/\$(echo {} | tr / _).o"
  ar rcs "$out/lib/$library" "$objects"/*.o
  rm -r "$objects"
}

cd "$out/src/libpng1.6"
cp scripts/pnglibconf.h.prebuilt pnglibconf.h
touch config.h
archive libpng.a png!(test).c

cd "$out/src/libwebp"
mkdir -p src/webp
printf '#define WEBP_USE_THREAD 1\n' >src/webp/config.h
archive libwebp.a src/dec/*.c src/dsp/*.c src/utils/*.c

# Its SIMD code is assembly, which cannot be instrumented.
cmake -S "$out/src/libjpeg-turbo" -B "$out/jpeg" -DCMAKE_C_FLAGS="$flags" -DWITH_SIMD=0 -DENABLE_SHARED=0 -DWITH_TURBOJPEG=0 \
  -DCMAKE_BUILD_TYPE=None >/dev/null
cmake --build "$out/jpeg" --target jpeg-static -j "$(nproc)" >/dev/null
cp "$out/jpeg/libjpeg.a" "$out/lib/"
touch "$out/lib/done"

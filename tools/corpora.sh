#!/bin/bash
# Unpacks the image files that Debian packages carry for their own tests into out/corpora/PACKAGE; nothing is installed. Each package states
# its licence in its debian/copyright. Idempotent. tests/corpora holds what our decoder has to say to each file.
#   tools/corpora.sh
set -euo pipefail
cd "$(dirname "$0")/.."

binaries=(golang-1.19-src golang-golang-x-image-dev golang-github-disintegration-imaging-dev golang-github-rwcarlsen-goexif-dev
  librust-jpeg-decoder-dev python3-skimage)
# PngSuite and files that once crashed a decoder are in no binary package.
sources=(libspng libpng1.6)

out=$PWD/out/corpora
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for package in "${binaries[@]}"; do
  [ ! -e "$out/$package" ] || continue
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package")
  dpkg-deb -x "$work/${package}"_*.deb "$work/unpacked"
  mv "$work/unpacked" "$out/$package"
done
tools/debian_source.sh "$out" "${sources[@]}"

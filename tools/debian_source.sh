#!/bin/bash
# Unpacks sources of Debian packages, with Debian's patches, each into FOLDER/PACKAGE. Leaves the machine's own package sources as they are.
#   tools/debian_source.sh FOLDER PACKAGE...
set -euo pipefail

folder=$(mkdir -p "$1" && realpath "$1")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/sources" "$work/lists/partial"
# The same archives as for binaries, with their sources.
sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/sources/debian.sources"
options=(-qq -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State::Lists=$work/lists"
  -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
for package in "$@"; do
  [ ! -e "$folder/$package" ] || continue
  cd "$work"
  # A mirror may lack the sources of security updates.
  apt-get "${options[@]}" source --download-only "$package" >/dev/null 2>&1 ||
    apt-get "${options[@]}" source --download-only "$package/$suite" >/dev/null
  dpkg-source --no-check -x "$package"_*.dsc unpacked >/dev/null
  mv unpacked "$folder/$package"
  rm -f ./*.dsc
done

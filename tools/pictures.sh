#!/bin/bash
# Makes the pictures of README.md and docs/ anew, from real runs of what bazel has built; all take five minutes.
#   tools/pictures.sh [cli|status_page|dashboard]...
#   cli          features as pictures, `radio embed` on a terminal      status_page  the server's page in Chromium
#   dashboard    panels of the dashboards, from a Prometheus
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,5s/^# \{0,1\}//p' "$0"; }

[ $# -gt 0 ] || set -- cli status_page dashboard
for name in "$@"; do
  case "$name" in
    -h | --help) usage; exit 0 ;;
    cli | status_page | dashboard) ;;
    *) usage >&2; exit 2 ;;
  esac
done
tools/setup.sh
bazel build -c opt //server/main:radio_server //client:radio
for name in "$@"; do .venv/bin/python "tools/${name}_picture.py"; done

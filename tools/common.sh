# Shared by the scripts in tools/; sourced, from the repository's root.
# shellcheck shell=bash

# bazel, with the server's memory kept small: the machines that build this have two cores.
BAZEL=(bazel --host_jvm_args=-Xmx1g)

# Directories of the sources that belong to the project.
project_files() { git ls-files --cached --others --exclude-standard -- "$@"; }

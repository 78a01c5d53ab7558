#!/usr/bin/env python3
"""Executes deploy/Dockerfile without Docker, each stage in a Debian root of its own; starts its server.

usage: tools/image.py [--variant {cpu,cuda}] [--model DIR] [--disk-cache DIR]

Needs root, debootstrap and the package registries. Everything lies in out/image/; a second run reuses the Debian base.
--model is an exported model for the last step, which runs the server as the image's user on a read-only root (default:
the quickstart's). --disk-cache lets Bazel take over what it built before.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
WORK = REPOSITORY / "out/image"
HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Where a root gets them. Not under their own name: installing the package ca-certificates would replace them.
LENT_CERTIFICATES = "/etc/host-certificates.crt"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# In a mount namespace of its own: nothing stays mounted, and everything that was started ends.
ENTER = """
set -e
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
if [ -n "$READ_ONLY" ]; then
  ip link set lo up
  mount -t tmpfs tmpfs "$ROOT/tmp"
fi
for bind in $BINDS; do mkdir -p "$ROOT$bind"; mount --bind "$bind" "$ROOT$bind"; done
[ -z "$READ_ONLY" ] || mount -o remount,ro,bind "$ROOT"
exec chroot --userspec="$USERSPEC" "$ROOT" /usr/bin/env -i "$@"
"""


def say(text):
    print(f"== {text}", flush=True)


def enter(root, command, environment, user="0:0", binds=(), read_only=False, **options):
    """Runs `command` (a list) with `root` as its root directory.

    read_only: as a container of the finished image: nothing but /tmp can be written, no network but the loopback.
    """
    settings = {
        "ROOT": str(root),
        "USERSPEC": user,
        "BINDS": " ".join(map(str, binds)),
        "READ_ONLY": "1" if read_only else "",
    }
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    if read_only:
        namespaces.append("--net")
    inside = [f"{name}={value}" for name, value in environment.items()]
    return subprocess.run(
        [*namespaces, "bash", "-c", ENTER, "enter", *inside, *command], env={**os.environ, **settings}, **options
    )


def remove(root):
    """Removes a root, never what may be mounted in it."""
    subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=True)


class Stage:
    def __init__(self, root, base):
        self.root = root
        remove(root)
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
        self.environment = {"PATH": PATH}
        self.arguments = {}
        self.folder = "/"
        self.user = "0:0"
        self.shell = ["/bin/sh", "-c"]
        self.settings = {}
        self._lent = {}

    def expand(self, text):
        known = {**self.environment, **self.arguments}
        return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: known.get(m[1] or m[2], ""), text)

    def lend_host_files(self):
        """What reaches the registries from here; taken back at the end of the stage."""
        self._lend("etc/resolv.conf", Path("/etc/resolv.conf").read_bytes())
        self._lend(LENT_CERTIFICATES.lstrip("/"), HOST_CERTIFICATES.read_bytes())
        sources = list(Path("/etc/apt/sources.list.d").glob("*.sources"))
        for path in (*sources, *Path("/etc/apt/apt.conf.d").glob("99*")):
            self._lend(str(path.relative_to("/")), path.read_bytes())
        if sources:
            self._lend("etc/apt/sources.list", b"")  # Debootstrap's names the same packages again.

    def _lend(self, name, content):
        target = self.root / name
        self._lent[target] = target.read_bytes() if target.exists() else None
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def take_back(self):
        for target, content in self._lent.items():
            if content is None:
                target.unlink(missing_ok=True)
            else:
                target.write_bytes(content)

    def run(self, command, binds):
        registry = {"PIP_CERT": LENT_CERTIFICATES, "SSL_CERT_FILE": LENT_CERTIFICATES}
        registry |= {n: v for n, v in os.environ.items() if n in ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")}
        environment = {**registry, **self.environment, **self.arguments}
        line = f"cd {shlex.quote(self.folder)}; {command}"
        if enter(self.root, [*self.shell, line], environment, self.user, binds).returncode:
            sys.exit(f"image: this step failed in {self.root}: RUN {command}")


def instructions(text):
    """[(word, rest)] of a Dockerfile: comments dropped, continued lines joined."""
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    text = re.sub(r"\\\n", " ", text)
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def debian_mirror():
    for path in Path("/etc/apt/sources.list.d").glob("*.sources"):
        if found := re.search(r"^URIs: (\S+/debian)$", path.read_text(), re.M):
            return found[1]
    return "http://deb.debian.org/debian"


def debian_base():
    base = WORK / "base"
    if not (base / "done").exists():
        say("debootstrap of Debian 12")
        remove(base)
        # In a mount namespace of its own: what it mounts must not outlive it.
        command = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "debootstrap",
            "--variant=minbase",
            "bookworm",
            str(base),
            debian_mirror(),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        # As Debian's images for Docker do: packages are not kept after they are unpacked.
        clean = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };\nDir::Cache::pkgcache "";\n'
        (base / "etc/apt/apt.conf.d/docker-clean").write_text(clean + 'Dir::Cache::srcpkgcache "";\n')
        subprocess.run(["sh", "-c", f"rm -f {shlex.quote(str(base))}/var/cache/apt/archives/*.deb"], check=True)
        (base / "done").touch()
    return base


def ignored():
    """Arguments for tar that leave out what the .dockerignore does."""
    lines = (REPOSITORY / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return [f"--exclude={p[3:]}" if p.startswith("**/") else f"--exclude=./{p}" for p in patterns]


def copy(stage, stages, rest):
    words = stage.expand(rest).split()
    source_root = REPOSITORY
    if words[0].startswith("--from="):
        source_root = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    target = Path(stage.root, stage.folder.lstrip("/"), target.lstrip("/") if target.startswith("/") else target)
    if sources == ["."]:
        read = subprocess.Popen(["tar", "-C", str(REPOSITORY), *ignored(), "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-C", str(target), "-x", "--no-same-owner"], stdin=read.stdout, check=True)
        return
    for source in sources:
        path = source_root / source.lstrip("/")
        into = target if path.is_dir() or not rest.rstrip().endswith("/") else target / path.name
        into.parent.mkdir(parents=True, exist_ok=True)
        # Of a folder Docker copies the content.
        subprocess.run(["cp", "-a", f"{path}/." if path.is_dir() else str(path), str(into)], check=True)


def execute(variant, binds):
    """Runs the recipe; the last stage."""
    given = {"VARIANT": variant}
    stages, stage, defaults = {}, None, {}
    for word, rest in instructions((REPOSITORY / "deploy/Dockerfile").read_text()):
        if word == "FROM":
            if stage:
                stage.take_back()
            name = rest.split(" AS ")[1] if " AS " in rest else "final"
            say(f"stage {name}")
            stage = stages[name] = Stage(WORK / name, debian_base())
            stage.lend_host_files()
        elif word == "ARG":
            name, _, value = rest.partition("=")
            (stage.arguments if stage else defaults)[name] = given.get(name, value or defaults.get(name, ""))
        elif word == "ENV":
            stage.environment.update(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "WORKDIR":
            stage.folder = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "SHELL":
            stage.shell = json.loads(rest)
        elif word == "USER":
            stage.user = rest
        elif word == "COPY":
            say(f"COPY {rest}")
            copy(stage, stages, rest)
            if rest == ". ." and binds:
                (stage.root / "src/user.bazelrc").write_text(f"build --disk_cache={binds[0]}\n")
        elif word == "RUN":
            say(f"RUN {rest[:100]}")
            stage.run(rest, binds)
        elif word in ("ENTRYPOINT", "CMD"):
            stage.settings[word] = json.loads(rest)
        elif word == "HEALTHCHECK":
            stage.settings[word] = json.loads(rest[rest.index("[") :])
        elif word not in ("EXPOSE", "STOPSIGNAL"):
            sys.exit(f"image: no rule for {word}")
    stage.take_back()
    return stage


def size(*paths):
    """Megabytes of files and folders."""
    done = subprocess.run(["du", "-cBM", *map(str, paths)], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1].split("M")[0])


# What a container must show. Lines that begin with "proved:" come from here.
TRIAL = """
proved() { echo "proved: $*"; }
fail() { echo "$*"; exit 1; }

[ "$(id -u)" = 10001 ] || fail "runs as $(id)"
for folder in / /usr/local /etc /var; do ! touch $folder/written 2>/dev/null || fail "$folder can be written"; done
proved "runs as user $(id -u) on a root file system that it cannot write to"
missing=$(ldd /usr/local/bin/* /usr/local/lib/radio/*.so* | grep "not found" | grep -v "libcuda\\.so" || true)
[ -z "$missing" ] || fail "$missing"
proved "the loader finds all libraries of $(ls /usr/local/bin /usr/local/lib/radio | grep -c '[a-z]$\\|[0-9]$') files"
for program in gcc g++ python3 bazel git curl; do ! command -v $program || fail "$program is in the image"; done
proved "no compiler, interpreter or build tool is in it"
$PROGRAM --config=$FOLDER/server.textproto >/tmp/out & server=$!
until grep -q listening /tmp/out; do kill -0 $server || exit 1; sleep 0.2; done
$HEALTHCHECK
radio models
radio pca $FOLDER/cat.jpg --out /tmp/pca.png
proved "the server loads a model, passes the image's own health check and answers radio"
kill -TERM $server
wait $server
proved "SIGTERM ends it with 0"
"""


def try_out(stage, model):
    """The image's server as its user, its root read-only: health, models, features, a clean end."""
    # As container runtimes do.
    (stage.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(model, folder / "model")
        shutil.copy(REPOSITORY / "examples/images/cat.jpg", folder)
        (folder / "server.textproto").write_text(
            'listen_address: "127.0.0.1:50051"\nmetrics_address: "127.0.0.1:9464"\ninsecure: true\n'
            f'models {{ name: "demo" path: "{folder}/model" device: "cpu" }}\n'
        )
        environment = {
            **stage.environment,
            "FOLDER": str(folder),
            "PROGRAM": shlex.join(stage.settings["ENTRYPOINT"]),
            "HEALTHCHECK": shlex.join(stage.settings["HEALTHCHECK"]),
        }
        done = enter(stage.root, ["/bin/bash", "-euc", TRIAL], environment, stage.user, [folder], read_only=True)
    if done.returncode:
        sys.exit("image: the finished image is not as it should be")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", type=Path, default=REPOSITORY / "out/models/radio_v2.1-demo")
    parser.add_argument("--disk-cache", type=Path)
    options = parser.parse_args()
    for program in ("debootstrap", "unshare", "chroot", "ip"):
        if shutil.which(program) is None:
            sys.exit(f"image: {program} is not installed")
    if not (options.model / "manifest.textproto").exists():
        sys.exit(f"image: no model in {options.model}: tools/quickstart.sh exports one")
    WORK.mkdir(parents=True, exist_ok=True)
    stage = execute(options.variant, [options.disk_cache.resolve()] if options.disk_cache else [])
    say("trying the finished image")
    try_out(stage, options.model)
    whole = size(stage.root)
    libraries, programs = size(stage.root / "usr/local/lib/radio"), size(stage.root / "usr/local/bin")
    print(
        f"proved: image {options.variant}: {whole} MB: {libraries} MB LibTorch and its needs, {programs} MB programs, "
        f"{whole - libraries - programs} MB Debian with the packages that they need"
    )


if __name__ == "__main__":
    main()

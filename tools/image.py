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
HOST_FILES = ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# In a mount namespace of its own: nothing stays mounted, and everything that was started ends.
ENTER = """
set -e
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
[ -z "$READ_ONLY" ] || mount -t tmpfs tmpfs "$ROOT/tmp"
for bind in $BINDS; do mkdir -p "$ROOT$bind"; mount --bind "$bind" "$ROOT$bind"; done
[ -z "$READ_ONLY" ] || mount -o remount,ro,bind "$ROOT"
exec chroot --userspec="$USERSPEC" "$ROOT" /usr/bin/env -i "$@"
"""


def say(text):
    print(f"== {text}", flush=True)


def enter(root, command, environment, user="0:0", binds=(), read_only=False, **options):
    """Runs `command` (a list) with `root` as its root directory."""
    settings = {
        "ROOT": str(root),
        "USERSPEC": user,
        "BINDS": " ".join(map(str, binds)),
        "READ_ONLY": "1" if read_only else "",
    }
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
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
        sources = [str(path.relative_to("/")) for path in Path("/etc/apt").glob("*.d/*") if path.is_file()]
        for name in (*HOST_FILES, *sources):
            target = self.root / name
            if not Path("/", name).exists():
                continue
            self._lent[target] = target.read_bytes() if target.exists() else None
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path("/", name), target)

    def take_back(self):
        for target, content in self._lent.items():
            if content is None:
                target.unlink(missing_ok=True)
            else:
                target.write_bytes(content)

    def run(self, command, binds):
        registry = {
            n: v for n, v in os.environ.items() if n.startswith("PIP_") or n in ("SSL_CERT_FILE", "SSL_CERT_DIR")
        }
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
        elif word not in ("EXPOSE", "STOPSIGNAL", "HEALTHCHECK"):
            sys.exit(f"image: no rule for {word}")
    stage.take_back()
    return stage


def size(path):
    return int(subprocess.run(["du", "-sm", str(path)], capture_output=True, text=True, check=True).stdout.split()[0])


def try_out(stage, model):
    """The image's server as its user, its root read-only: health, models, a clean end."""
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(model, folder / "model")
        (folder / "server.textproto").write_text(
            'listen_address: "127.0.0.1:50051"\nmetrics_address: "127.0.0.1:9464"\ninsecure: true\n'
            f'models {{ name: "demo" path: "{folder}/model" device: "cpu" }}\n'
        )
        program = shlex.join([*stage.settings["ENTRYPOINT"], f"--config={folder}/server.textproto"])
        script = f"""
            if touch /usr/local/written 2>/dev/null; then echo "the root can be written"; exit 1; fi
            [ "$(id -u)" != 0 ] || {{ echo "runs as root"; exit 1; }}
            {program} >/tmp/out & server=$!
            until grep -q listening /tmp/out; do kill -0 $server || exit 1; sleep 0.2; done
            radio --server localhost:50051 health readiness
            radio --server localhost:50051 models
            kill -TERM $server
            wait $server
        """
        # A network namespace would need a device; the ports are this machine's for a moment.
        done = enter(
            stage.root, ["/bin/bash", "-euc", script], stage.environment, stage.user, [folder], read_only=True,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    print(done.stdout, end="")
    if done.returncode or "SERVING" not in done.stdout:
        sys.exit("image: the server of the image does not serve")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", type=Path, default=REPOSITORY / "out/models/radio_v2.1-demo")
    parser.add_argument("--disk-cache", type=Path)
    options = parser.parse_args()
    for program in ("debootstrap", "unshare", "chroot"):
        if shutil.which(program) is None:
            sys.exit(f"image: {program} is not installed")
    WORK.mkdir(parents=True, exist_ok=True)
    stage = execute(options.variant, [options.disk_cache.resolve()] if options.disk_cache else [])
    say("starting the server of the image")
    try_out(stage, options.model)
    base, whole, own = size(WORK / "base"), size(stage.root), size(stage.root / "usr/local")
    print(f"image {options.variant}: {whole} MB, of it Debian {base} MB, LibTorch and the programs {own} MB")


if __name__ == "__main__":
    main()

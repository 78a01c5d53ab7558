"""Stands in for programs that the task pages call and that a test must not or cannot run.

bazel: the targets must have been built. docker: the Dockerfile must be there and what is pushed must have been built.
helm renders the real chart with Helm's own library; kubectl applies objects that Kubernetes' schemas accept and knows
those that exist. radio-export is the real one, but for what it would fetch. pip installs into the page's own folder.
Anything else, an unknown option included, is an error.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

STATE = Path(os.environ["STAND_IN_STATE"])
REPOSITORY = Path(__file__).resolve().parents[2]


def load():
    return json.loads(STATE.read_text()) if STATE.exists() else {"objects": {}, "releases": {}, "images": []}


def store(state):
    STATE.write_text(json.dumps(state))


def key(kind, name):
    return f"{kind.lower()}/{name}"


def validate(document):
    import kubernetes_validate

    for version in ("1.30", "1.37"):
        kubernetes_validate.validate(document, version, strict=True)


def bazel(arguments):
    if arguments[:3] != ["build", "-c", "opt"] or not arguments[3:]:
        sys.exit(f"stand-in: bazel {arguments}")
    for target in arguments[3:]:
        package, name = re.fullmatch(r"//([\w/]+):(\w+)", target).groups()
        if not (REPOSITORY / "bazel-bin" / package / name).exists():
            sys.exit(f"stand-in: {target} has not been built")


def docker(arguments):
    parser = argparse.ArgumentParser("docker")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build")
    build.add_argument("-f", required=True)
    build.add_argument("-t", required=True)
    build.add_argument("folder")
    commands.add_parser("push").add_argument("image")
    options, state = parser.parse_args(arguments), load()
    if options.command == "build":
        assert "FROM" in (Path(options.folder) / options.f).read_text()
        state["images"].append(options.t)
    else:
        assert options.image in state["images"], f"{options.image} was not built"
    store(state)


def helm(arguments):
    parser = argparse.ArgumentParser("helm")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "upgrade", "test", "rollback", "uninstall"):
        command = commands.add_parser(name)
        command.add_argument("release")
        command.add_argument("--namespace", required=True)
        if name in ("install", "upgrade"):
            command.add_argument("chart")
            command.add_argument("--values", type=Path, required=True)
            command.add_argument("--set", default="")
    options, state = parser.parse_args(arguments), load()
    assert key("namespace", options.namespace) in state["objects"], f"no namespace {options.namespace}"
    if options.command != "install":
        assert options.release in state["releases"], f"no release {options.release}"
    if options.command in ("install", "upgrade"):
        state["objects"].update(render(options, state["images"]))
        state["releases"][options.release] = state["releases"].get(options.release, 0) + 1
    elif options.command == "test":
        assert key("pod", f"{options.release}-radio-server-test") in state["objects"]
    elif options.command == "rollback":
        assert state["releases"][options.release] > 1, "nothing to go back to"
    else:
        del state["releases"][options.release]
    store(state)


def render(options, images):
    import helm_python

    values = yaml.safe_load(options.values.read_text())
    if options.set:
        path, value = options.set.split("=")
        node = values
        for name in path.split(".")[:-1]:
            node = node.setdefault(name, {})
        node[path.split(".")[-1]] = yaml.safe_load(value)
    with helm_python.Chart.load(Path(options.chart).resolve()) as chart:
        chart.validate_schema(values)
        files = chart.render(values=values, name=options.release, namespace=options.namespace)
    documents = [d for n, text in files.items() if n.endswith(".yaml") for d in yaml.safe_load_all(text) if d]
    for document in documents:
        validate(document)
        if document["kind"] == "Deployment":
            image = document["spec"]["template"]["spec"]["containers"][0]["image"]
            assert image in images, f"{image} was not pushed"
    return {key(d["kind"], d["metadata"]["name"]): d for d in documents}


def kubectl(arguments):
    parser = argparse.ArgumentParser("kubectl")
    parser.add_argument("-n", "--namespace", default="default")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create")
    create.add_argument("kind", choices=["namespace"])
    create.add_argument("name")
    commands.add_parser("apply").add_argument("-f", type=Path, required=True)
    wait = commands.add_parser("wait")
    wait.add_argument("--for", required=True, choices=["condition=Ready", "condition=Complete"])
    wait.add_argument("object")
    wait.add_argument("--timeout", required=True)
    copy = commands.add_parser("cp")
    copy.add_argument("source", type=Path)
    copy.add_argument("target")
    delete = commands.add_parser("delete")
    delete.add_argument("kind")
    delete.add_argument("name")
    rollout = commands.add_parser("rollout")
    rollout.add_argument("what", choices=["status"])
    rollout.add_argument("object")
    rollout.add_argument("--timeout", required=True)
    forward = commands.add_parser("port-forward")
    forward.add_argument("object")
    forward.add_argument("port", type=int)
    options, state = parser.parse_args(arguments), load()
    objects = state["objects"]
    if options.command == "create":
        objects[key(options.kind, options.name)] = {}
    else:
        assert key("namespace", options.namespace) in objects, f"no namespace {options.namespace}"
        answer(options, objects)
    store(state)


def answer(options, objects):
    if options.command == "apply":
        for document in yaml.safe_load_all(options.f.read_text()):
            validate(document)
            objects[key(document["kind"], document["metadata"]["name"])] = document
    elif options.command == "cp":
        assert options.source.exists(), f"no {options.source}"
        assert key("pod", options.target.split(":")[0]) in objects
    elif options.command == "delete":
        del objects[key(options.kind, options.name)]
    else:
        assert options.object in objects, f"no {options.object}; there are {sorted(objects)}"
    if options.command == "port-forward":
        # The page's server stands behind it already.
        assert options.port in [port["port"] for port in objects[options.object]["spec"]["ports"]]


def pip(arguments):
    if arguments != ["install", "./python"]:
        sys.exit(f"stand-in: pip {arguments}")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", os.environ["STAND_IN_SITE"], "./python"], check=True)


def radio_export(arguments):
    import shutil

    import torch
    from radio_export import cli, text

    class Letters:
        """A text tower of the adaptor's width that counts letters."""

        def __init__(self, width):
            self.width = width

        def encode(self, texts):
            counts = torch.zeros(len(texts), self.width)
            for row, words in zip(counts, texts, strict=True):
                for letter in words:
                    row[ord(letter) % self.width] += 1
            return counts

    if arguments[:1] == ["download"]:
        parser = argparse.ArgumentParser("radio-export download")
        parser.add_argument("--version", choices=["c-radio_v3-b"], required=True)
        parser.add_argument("--output", required=True)
        shutil.copy(os.environ["STAND_IN_CHECKPOINT"], parser.parse_args(arguments[1:]).output)
        return
    text.load_tower = lambda adaptor, weights: Letters(adaptor.summary_dim)
    sys.exit(cli.main(arguments))


PROGRAMS = {
    "bazel": bazel,
    "docker": docker,
    "helm": helm,
    "kubectl": kubectl,
    "pip": pip,
    "radio-export": radio_export,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](sys.argv[2:])

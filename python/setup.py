"""Writes the protocol's Python code before the package is built; the rest is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).resolve().parent))
import generate_protos  # noqa: E402


class BuildWithProtos(build_py):
    def run(self):
        generate_protos.generate()
        super().run()


setup(cmdclass={"build_py": BuildWithProtos})

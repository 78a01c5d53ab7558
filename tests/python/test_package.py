"""The package as pip builds it."""

import shutil
import subprocess
import sys
import zipfile

from served import REPOSITORY


def test_a_wheel_holds_the_protocols_code_and_the_types_and_works_alone(tmp_path):
    shutil.copytree(REPOSITORY / "python", tmp_path / "python", ignore=shutil.ignore_patterns("*_pb2*", "build"))
    shutil.copytree(REPOSITORY / "proto", tmp_path / "proto")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, "."]
    subprocess.run(command, cwd=tmp_path / "python", check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("py.typed", "proto/feature_service_pb2.py", "proto/feature_service_pb2.pyi", "proto/__init__.py"):
        assert f"radio_client/{name}" in names
    code = "import radio_client; print(radio_client.__file__); radio_client.Client('localhost:1').close()"
    # -I: neither the current folder nor the environment's path helps.
    script = f"import sys; sys.path.insert(0, {str(wheel)!r}); {code}"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert str(wheel) in done.stdout

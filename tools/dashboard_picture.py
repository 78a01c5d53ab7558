#!/usr/bin/env python3
"""Draws panels of the dashboards from a real Prometheus that scrapes two loaded servers.

usage: tools/dashboard_picture.py [--seconds N] [--out DIR]

Not a screenshot: no Grafana takes part. What the panels ask, how they are titled and in which unit they count is the
dashboards' own; the picture says so.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "tests/deploy"), str(REPOSITORY / "tests/integration")]
import dashboard_file  # noqa: E402
import live  # noqa: E402
import stubs  # noqa: E402

SHOWN = [
    ("radio-overview.json", "Images by outcome"),
    ("radio-overview.json", "Errors by reason"),
    ("radio-overview.json", "Extract"),
    ("radio-overview.json", "Where an image's time goes"),
    ("radio-batching.json", "Images in a batch, distribution"),
    ("radio-batching.json", "Share of time computing"),
]
CAPTION_TEXT = (
    "Drawn from Prometheus with the dashboards' own queries, not a Grafana screenshot: two servers, a tiny demo model, "
    "a load that also gets refused, cancelled and wrong."
)


def write(value, unit):
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    return f"{value:g}"


def draw_lines(axes, series, unit, stacked):
    """series: {name: {time: value}}."""
    times = sorted({t for values in series.values() for t in values})
    rows = [[values.get(t, 0.0 if stacked else float("nan")) for t in times] for values in series.values()]
    if stacked:
        axes.stackplot(times, rows, labels=series, alpha=0.5)
    else:
        for name, row in zip(series, rows, strict=True):
            axes.plot(times, row, label=name)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: write(value, unit))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize=8, frameon=False)


def draw_heat(axes, series, unit):
    """series: {le: {time: count up to le}}."""
    bounds = sorted(series, key=float)
    times = sorted(series[bounds[0]])
    upto = [[series[bound].get(t, 0.0) for t in times] for bound in bounds]
    below = [[0.0] * len(times), *upto[:-1]]
    counts = [[b - a for a, b in zip(*rows, strict=True)] for rows in zip(below, upto, strict=True)]
    used = [row for row, values in enumerate(counts) if max(values) > 0]
    axes.pcolormesh(times, range(len(used)), [counts[row] for row in used], cmap="inferno", shading="nearest")
    axes.set_yticks(range(len(used)), [write(float(bounds[row]), unit) for row in used])


def panel_of(file, title):
    return next(p for p in dashboard_file.panels(dashboard_file.read()[file]) if p["title"] == title)


def read(prometheus, panel, start, end):
    """{legend: {time: value}} of a panel."""
    series = {}
    for target in panel["targets"]:
        expression = dashboard_file.with_values(target["expr"], "10s")
        for labels, values in prometheus.query_range(expression, start, end, 2):
            legend = target["legendFormat"]
            for label, value in labels.items():
                legend = legend.replace(f"{{{{{label}}}}}", value.split(":")[-1] if label == "instance" else value)
            series[legend] = dict(values)
    if "+Inf" in series:
        return {name.replace("+Inf", "inf"): values for name, values in series.items()}
    return dict(sorted(series.items()))


def vary(loads, ended):
    """More and less load in waves, from a fixed seed."""
    generator = random.Random(1)
    while not ended.wait(generator.uniform(2, 6)):
        for load in loads:
            load.pause = generator.choice((0, 0, 0.2, 0.6))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/images", help="folder (default: docs/images)")
    options = parser.parse_args()
    picture = options.out / "dashboards.png"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = [folder / part for part in ("stubs", "a", "b", "prometheus")]
        for part in made:
            part.mkdir()
        api = stubs.load(made[0])
        servers = [live.start_server(part) for part in made[1:3]]
        prometheus = live.Prometheus(made[3], servers)
        loads = [live.Load(api, server.grpc) for server in servers]
        ended = threading.Event()
        threading.Thread(target=vary, args=(loads, ended), daemon=True).start()
        live.wait_until(lambda: prometheus.query("radio:images:rate5m"), 60)
        start = time.time() + 12
        time.sleep(12 + options.seconds)
        end = time.time()
        plt.style.use("dark_background")
        figure, grid = plt.subplots(2, len(SHOWN) // 2, figsize=(15.6, 7.2), layout="constrained")
        for axes, (file, title) in zip(grid.flat, SHOWN, strict=True):
            panel = panel_of(file, title)
            series = read(prometheus, panel, start, end)
            field = panel["fieldConfig"]["defaults"]
            axes.set_title(title, fontsize=11)
            axes.xaxis.set_major_formatter(lambda t, _: f"{(t - start) / 60:.1f} min")
            if panel["type"] == "heatmap":
                draw_heat(axes, series, panel["options"]["yAxis"]["unit"])
            else:
                draw_lines(axes, series, field["unit"], field["custom"]["stacking"]["mode"] == "normal")
        figure.supxlabel(CAPTION_TEXT, fontsize=9)
        ended.set()
        for load in loads:
            load.stop()
        prometheus.stop()
        for server in servers:
            server.stop()
    figure.savefig(picture, dpi=100)
    print(f"wrote {picture}")


if __name__ == "__main__":
    main()

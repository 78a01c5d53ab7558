"""Dashboard "Model"."""

from panels import Dashboard, stat, timeseries
from queries import BUSY, LATENCY, MODEL, RATE, mean, quantile, quantiles, rate, share


def per_model():
    board = Dashboard(
        "radio-model", "RADIO Serve / Model", "One model: its artefact, its callers, its errors.", model=True
    )
    board.row(
        "$model",
        stat(
            "Ready on",
            "Servers on which the model is ready.",
            "short",
            f"sum(radio_model_ready{{{MODEL}}})",
            steps=[("red", None), ("green", 1)],
            alert="RadioRestarting",
        ),
        stat("Images", "Images that ended, in any way.", "images/s", f"sum(rate(radio_images_total{{{MODEL}}}{RATE}))"),
        stat(
            "Images answered",
            "Share of the images that ended well.",
            "percentunit",
            share("radio_images_total", 'outcome="ok"', MODEL),
            steps=[("red", None), ("orange", 0.9), ("green", 0.99)],
        ),
        stat(
            "Tokens of an image",
            "Mean; grows with the images' sizes.",
            "short",
            f"sum(rate(radio_tokens_total{{{MODEL}}}{RATE})) / sum(rate(radio_batch_images_sum{{{MODEL}}}{RATE}))",
        ),
        stat(
            "Load time",
            "Longest that loading took at start, with warm-up and self-test.",
            "s",
            f"max(radio_model_load_duration_seconds{{{MODEL}}})",
            alert="RadioNoReadyReplica",
        ),
        stat(
            "Artefacts",
            "Different artefacts served under this name; more than one outside a rollout is a fault.",
            "short",
            f"count(count by (model, version, precision, source_sha256) (radio_model_info{{{MODEL}}}))",
            steps=[("green", None), ("red", 2)],
            alert="RadioModelSkew",
        ),
        width=4,
        height=4,
    )
    board.row(
        "Callers",
        timeseries(
            "Images by outcome",
            "How this model's images ended.",
            "images/s",
            (rate("radio_images_total", "outcome", MODEL), "{{outcome}}"),
            stack=True,
            alert="RadioImageErrors",
        ),
        timeseries(
            "Errors by reason",
            "Images without an answer and requests that are wrong as a whole.",
            "ops",
            (rate("radio_rejected_total", "reason", MODEL) + " > 0", "{{reason}}"),
            alert="RadioBadRequests",
        ),
        timeseries(
            "Calls by code",
            "Calls to this model that ended.",
            "reqps",
            (rate("radio_requests_total", "grpc_code", MODEL) + " > 0", "{{grpc_code}}"),
            alert="RadioCallErrors",
        ),
        timeseries(
            "Images by instance",
            "Images received.",
            "images/s",
            (rate("radio_images_received_total", "instance", MODEL), "{{instance}}"),
            alert="RadioLoadImbalance",
        ),
    )
    board.row(
        "Time",
        timeseries(
            "Extract",
            "Latency of the Extract and ModelInfer calls.",
            "s",
            *quantiles("radio_request_duration_seconds", MODEL + ', method=~"Extract|ModelInfer"'),
            line=LATENCY,
            alert="RadioLatencyHigh",
        ),
        timeseries(
            "Streams",
            "How long ExtractStream calls stay open.",
            "s",
            *quantiles("radio_request_duration_seconds", MODEL + ', method="ExtractStream"'),
        ),
        timeseries(
            "Stages, mean",
            "Mean time of an answered image in each stage.",
            "s",
            (mean("radio_stage_duration_seconds", "stage", MODEL), "{{stage}}"),
            stack=True,
        ),
        timeseries(
            "Stages, p95",
            "95 % of the answered images spend at most this long in a stage.",
            "s",
            (quantile(0.95, "radio_stage_duration_seconds", "stage", MODEL), "{{stage}}"),
            alert="RadioQueueTimeHigh",
        ),
        timeseries(
            "Queue",
            "Images that wait for a batch.",
            "short",
            (f"sum by (instance) (radio_queue_depth{{{MODEL}}})", "{{instance}}"),
        ),
        timeseries(
            "Share of time computing",
            "Time in this model's batches, of all time.",
            "percentunit",
            (BUSY, "{{instance}}"),
            line=1,
        ),
    )
    return board

"""Dashboard "Overview"."""

from panels import Dashboard, heatmap, model_table, stat, timeseries
from queries import (
    ERROR_RATIO,
    FAULTS,
    FILL,
    LATENCY,
    QUEUE,
    RATE,
    READY_SERVERS,
    SERVER,
    buckets,
    mean,
    quantile,
    quantiles,
    rate,
    share,
)


def overview():
    board = Dashboard(
        "radio-overview", "RADIO Serve / Overview", "What callers get: traffic, errors, latency, saturation."
    )
    board.row(
        "At a glance",
        stat(
            "Ready servers",
            "Servers that are up, not draining and whose models are all ready.",
            "short",
            READY_SERVERS,
            steps=[("red", None), ("green", 1)],
            alert="RadioNoReadyReplica",
        ),
        stat(
            "Images", "Images that ended, in any way.", "images/s", f"sum(rate(radio_images_total{{{SERVER}}}{RATE}))"
        ),
        stat("Calls", "Calls that ended, in any way.", "reqps", f"sum(rate(radio_requests_total{{{SERVER}}}{RATE}))"),
        stat(
            "Calls failed by the server",
            "Share of the calls that ended UNKNOWN, INTERNAL, UNAVAILABLE or DATA_LOSS.",
            "percentunit",
            share("radio_requests_total", f'grpc_code=~"{FAULTS}"'),
            steps=[("green", None), ("orange", ERROR_RATIO), ("red", 14.4 * ERROR_RATIO)],
            alert="RadioCallErrors",
        ),
        stat(
            "Images failed by the server",
            "Share of the images whose inference failed.",
            "percentunit",
            share("radio_images_total", 'outcome="failed"'),
            steps=[("green", None), ("orange", ERROR_RATIO), ("red", 14.4 * ERROR_RATIO)],
            alert="RadioImageErrors",
        ),
        stat(
            "Images turned away",
            "Share of the images that were refused or expired for want of capacity.",
            "percentunit",
            share("radio_images_total", 'outcome=~"rejected|expired"'),
            steps=[("green", None), ("orange", 0.01), ("red", 0.1)],
            alert="RadioRefusing",
        ),
        stat(
            "Latency p95",
            "95 % of the Extract and ModelInfer calls take at most this long.",
            "s",
            quantile(0.95, "radio_request_duration_seconds", matchers=SERVER + ', method=~"Extract|ModelInfer"'),
            steps=[("green", None), ("orange", LATENCY / 2), ("red", LATENCY)],
            alert="RadioLatencyHigh",
        ),
        stat(
            "Capacity used",
            "The fullest server's images or memory in flight, of its limit.",
            "percentunit",
            FILL,
            steps=[("green", None), ("orange", 0.5), ("red", 0.8)],
            alert="RadioNearlyFull",
        ),
        width=3,
        height=4,
    )
    board.row(
        "What is served",
        model_table(
            "Models",
            "Artefact behind each model of each server; rows of one model must agree.",
            f"radio_model_info{{{SERVER}}}",
            ["instance", "model", "version", "architecture", "precision", "device", "source_sha256"],
            alert="RadioModelSkew",
        ),
        model_table(
            "Servers",
            "Release of each server.",
            f"radio_build_info{{{SERVER}}}",
            ["instance", "version", "grpc_version"],
        ),
        width=12,
        height=6,
    )
    board.row(
        "Traffic and errors",
        timeseries(
            "Calls by method", "Calls that ended.", "reqps", (rate("radio_requests_total", "method"), "{{method}}")
        ),
        timeseries(
            "Calls started",
            "Calls that began. Over the line of those that ended: calls pile up.",
            "reqps",
            (rate("radio_requests_started_total", "method"), "{{method}}"),
        ),
        timeseries(
            "Calls in flight",
            "Calls open now; streams stay open.",
            "short",
            (f"sum by (method) (radio_requests_in_flight{{{SERVER}}})", "{{method}}"),
            alert="RadioDrainStuck",
        ),
        timeseries(
            "Calls that failed, by code",
            "Every status but OK; the server is at fault for " + FAULTS.replace("|", ", ") + ".",
            "reqps",
            (rate("radio_requests_total", "grpc_code", SERVER + ', grpc_code!="OK"') + " > 0", "{{grpc_code}}"),
            alert="RadioCallErrors",
        ),
        timeseries(
            "Images by outcome",
            "How images ended.",
            "images/s",
            (rate("radio_images_total", "outcome"), "{{outcome}}"),
            stack=True,
            alert="RadioImageErrors",
        ),
        timeseries(
            "Errors by reason",
            "Images without an answer and requests that are wrong as a whole.",
            "ops",
            (rate("radio_rejected_total", "reason") + " > 0", "{{reason}}"),
            alert="RadioBadRequests",
        ),
        timeseries(
            "Images by instance",
            "Images received. Far apart: clients stick to one server.",
            "images/s",
            (rate("radio_images_received_total", "instance"), "{{instance}}"),
            alert="RadioLoadImbalance",
        ),
        timeseries(
            "Bytes in", "Request messages.", "Bps", (rate("radio_request_size_bytes_sum", "method"), "{{method}}")
        ),
        timeseries(
            "Bytes out", "Response messages.", "Bps", (rate("radio_response_size_bytes_sum", "method"), "{{method}}")
        ),
    )
    board.row(
        "Latency",
        timeseries(
            "Extract",
            "Latency of the Extract and ModelInfer calls.",
            "s",
            *quantiles("radio_request_duration_seconds", SERVER + ', method=~"Extract|ModelInfer"'),
            line=LATENCY,
            alert="RadioLatencyHigh",
        ),
        heatmap(
            "Extract, distribution",
            "Extract and ModelInfer calls by latency.",
            "s",
            buckets("radio_request_duration_seconds", SERVER + ', method=~"Extract|ModelInfer"'),
        ),
        timeseries(
            "Where an image's time goes",
            "Mean time of an answered image in each stage; stages add up.",
            "s",
            (mean("radio_stage_duration_seconds", "stage"), "{{stage}}"),
            stack=True,
            alert="RadioLatencyHigh",
        ),
    )
    board.row(
        "Saturation",
        timeseries(
            "Images in flight",
            "Images admitted and not yet answered; at the limit requests are refused.",
            "short",
            (f"radio_inflight_items{{{SERVER}}}", "{{instance}}"),
            (f"min(radio_inflight_items_limit{{{SERVER}}})", "limit"),
            alert="RadioNearlyFull",
        ),
        timeseries(
            "Memory in flight",
            "Memory of the images in flight and of their answers.",
            "bytes",
            (f"radio_inflight_bytes{{{SERVER}}}", "{{instance}}"),
            (f"min(radio_inflight_limit_bytes{{{SERVER}}})", "limit"),
            alert="RadioNearlyFull",
        ),
        timeseries(
            "Wait for a batch",
            "Time of an answered image in the queue.",
            "s",
            *quantiles("radio_stage_duration_seconds", SERVER + ', stage="queue"'),
            line=QUEUE,
            alert="RadioQueueTimeHigh",
        ),
    )
    board.row(
        "Processes",
        timeseries(
            "CPU", "Cores in use.", "cores", (f"rate(process_cpu_seconds_total{{{SERVER}}}{RATE})", "{{instance}}")
        ),
        timeseries(
            "Memory",
            "Resident memory.",
            "bytes",
            (f"process_resident_memory_bytes{{{SERVER}}}", "{{instance}}"),
            alert="RadioInstanceDown",
        ),
        timeseries(
            "File descriptors",
            "Open descriptors of those allowed; mostly connections.",
            "percentunit",
            (f"process_open_fds{{{SERVER}}} / process_max_fds{{{SERVER}}}", "{{instance}}"),
            line=0.8,
            alert="RadioFileDescriptors",
        ),
        timeseries(
            "Age",
            "Time since the process began; a fall to zero is a restart.",
            "s",
            (f"time() - process_start_time_seconds{{{SERVER}}}", "{{instance}}"),
            alert="RadioRestarting",
        ),
        timeseries(
            "Draining",
            "1 while a server shuts down.",
            "short",
            (f"radio_draining{{{SERVER}}}", "{{instance}}"),
            alert="RadioDrainStuck",
        ),
        timeseries(
            "Log messages",
            "Messages by level; error is the server's fault.",
            "ops",
            (rate("radio_log_messages_total", "level"), "{{level}}"),
            alert="RadioLoggedErrors",
        ),
    )
    return board

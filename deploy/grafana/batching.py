"""Dashboard "Batching and device"."""

from panels import Dashboard, heatmap, timeseries
from queries import BUSY, BUSY_BY_MODEL, MODEL, SERVER, buckets, mean, quantile, quantiles, rate


def batching():
    board = Dashboard(
        "radio-batching", "RADIO Serve / Batching and device", "How well batches use the device.", model=True
    )
    board.row(
        "Device",
        timeseries(
            "Share of time computing",
            "Time in batches, of all time. 100 %: the model is the limit.",
            "percentunit",
            (BUSY, "{{model}} {{instance}}"),
            line=1,
            alert="RadioQueueTimeHigh",
        ),
        timeseries(
            "Tokens",
            "Backbone tokens computed: the throughput that does not depend on image sizes.",
            "tokens/s",
            (rate("radio_tokens_total", "model", MODEL), "{{model}}"),
        ),
        timeseries(
            "Time for a token",
            "Time in batches over tokens. Rising at equal fill: a slower device.",
            "s",
            (f"{BUSY_BY_MODEL} / {rate('radio_tokens_total', 'model', MODEL)}", "{{model}}"),
        ),
        timeseries(
            "Batch duration",
            "How long a batch runs.",
            "s",
            *quantiles("radio_batch_duration_seconds", MODEL, "model"),
            alert="RadioBatcherStalled",
        ),
        heatmap(
            "Batch duration, distribution", "Batches by duration.", "s", buckets("radio_batch_duration_seconds", MODEL)
        ),
        timeseries(
            "Device works",
            "1 when a model is loaded and its device works.",
            "short",
            (f"radio_model_ready{{{MODEL}}}", "{{model}} {{instance}}"),
            alert="RadioRestarting",
        ),
    )
    board.row(
        "Batches",
        timeseries(
            "Batches", "Batches that ran.", "batches/s", (rate("radio_batches_total", "model", MODEL), "{{model}}")
        ),
        timeseries(
            "Images in a batch",
            "Mean over batches.",
            "short",
            (mean("radio_batch_images", "model", MODEL), "{{model}}"),
        ),
        heatmap(
            "Images in a batch, distribution",
            "Batches by their number of images.",
            "short",
            buckets("radio_batch_images", MODEL),
        ),
        timeseries(
            "Tokens in a batch",
            "Mean over batches. None is padding.",
            "short",
            (mean("radio_batch_tokens", "model", MODEL), "{{model}}"),
        ),
        heatmap(
            "Tokens in a batch, distribution",
            "Batches by their number of tokens.",
            "short",
            buckets("radio_batch_tokens", MODEL),
        ),
        timeseries(
            "Fill",
            "Cost of a batch over the most that one may cost. Low under load: something starves the batcher.",
            "percentunit",
            (mean("radio_batch_fill_ratio", "model", MODEL), "mean {{model}}"),
            (quantile(0.95, "radio_batch_fill_ratio", "model", MODEL), "p95 {{model}}"),
        ),
        timeseries(
            "Why batches are not larger",
            "Batches by what cut them. queue_empty: nothing else waited, the model keeps up.",
            "batches/s",
            (rate("radio_batch_cuts_total", "cut", MODEL), "{{cut}}"),
        ),
        timeseries(
            "Budget of a batch",
            "What a batch may cost now. Below its usual height: the device ran out of memory.",
            "short",
            (f"radio_batch_budget_cost{{{MODEL}}}", "{{model}} {{instance}}"),
        ),
        timeseries(
            "Device memory",
            "What tensors hold, and what the runtime keeps of the device, which models may share; 0 on a CPU.",
            "bytes",
            (f"radio_device_memory_allocated_bytes{{{MODEL}}}", "{{model}} {{instance}} allocated"),
            (f"radio_device_memory_reserved_bytes{{{MODEL}}}", "{{model}} {{instance}} reserved"),
        ),
        timeseries(
            "Out of memory",
            "Runs that the device had no memory for; their batches were run again in parts.",
            "runs/s",
            (rate("radio_out_of_memory_total", "model", MODEL), "{{model}}"),
        ),
    )
    board.row(
        "Before the batch",
        timeseries(
            "Images that wait for a batch",
            "Depth of the queue.",
            "short",
            (f"sum by (model, instance) (radio_queue_depth{{{MODEL}}})", "{{model}} {{instance}}"),
            alert="RadioQueueTimeHigh",
        ),
        timeseries(
            "Oldest image",
            "Age of the oldest image in the queue.",
            "s",
            (f"max by (model, instance) (radio_queue_oldest_age_seconds{{{MODEL}}})", "{{model}} {{instance}}"),
            line=30,
            alert="RadioBatcherStalled",
        ),
        timeseries(
            "Images that wait for a decoder",
            "Depth of the decoders' queue beside the number of their threads.",
            "short",
            (f"radio_preprocess_queue_depth{{{SERVER}}}", "{{instance}} waiting"),
            (f"radio_preprocess_threads{{{SERVER}}}", "{{instance}} threads"),
            alert="RadioDecodersSaturated",
        ),
        timeseries(
            "Decoding",
            "Time of an answered image from admission to the queue: decode, resize and the wait for a thread.",
            "s",
            *quantiles("radio_stage_duration_seconds", MODEL + ', stage="preprocess"'),
            alert="RadioDecodersSaturated",
        ),
    )
    return board

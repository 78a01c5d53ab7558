"""config/server_config.proto as data, and the JSON schema of the chart's `server` values that follows from it.

Run as a program it brings the chart's values.schema.json up to date.
"""

import json
import re

from metric_table import REPOSITORY

CHART_SCHEMA = REPOSITORY / "deploy/helm/radio-server/values.schema.json"
# Set by the chart from other values.
OWNED_BY_CHART = {
    "listen_address",
    "metrics_address",
    "insecure",
    "tls",
    "auth_token_file",
    "models",
    "default_model",
}
FIELD = re.compile(r"^ {2}(optional|repeated) (\w+) (\w+) = \d+(?: \[(.*)\])?;$", re.M)


def messages():
    """{message: [(label, type, field, options)]} of the top-level messages."""
    text = (REPOSITORY / "config/server_config.proto").read_text()
    bodies = re.findall(r"^message (\w+) \{\n(.*?)^\}", text, re.M | re.S)
    return {name: FIELD.findall(body) for name, body in bodies}


def enums():
    text = (REPOSITORY / "config/server_config.proto").read_text()
    return {
        name: re.findall(r"^ {4}(\w+) = \d+;", body, re.M)
        for name, body in re.findall(r"enum (\w+) \{(.*?)\}", text, re.S)
    }


def schema(message="ServerConfig", leave_out=frozenset(OWNED_BY_CHART)):
    properties = {}
    for _, type_, field, options in messages()[message]:
        if field in leave_out:
            continue
        if type_ in messages():
            properties[field] = schema(type_, frozenset())
        elif type_ in enums():
            properties[field] = {"enum": enums()[type_]}
        elif type_ == "bool":
            properties[field] = {"type": "boolean"}
        else:
            assert type_ in ("int32", "int64"), f"{field}: no rule for {type_}"
            low, high = re.search(r"min: (\d+) max: (\d+)", options).groups()
            properties[field] = {"type": "integer", "minimum": int(low), "maximum": int(high)}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def write():
    values = json.loads(CHART_SCHEMA.read_text())
    values["properties"]["server"] = {**schema(), "required": ["drain_delay_ms", "drain_timeout_ms"]}
    CHART_SCHEMA.write_text(json.dumps(values, indent=2) + "\n")


if __name__ == "__main__":
    write()

"""Panels and dashboards as Grafana's JSON."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# One variable holds the runbook's address, so that the chart can point it elsewhere.
RUNBOOK = "docs/runbook.md"


def targets(queries, **more):
    return [
        {"refId": chr(ord("A") + i), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend, **more}
        for i, (expr, legend) in enumerate(queries)
    ]


def panel(kind, title, description, queries, field, options, alert, **target_options):
    result = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets(queries, **target_options),
        "fieldConfig": {"defaults": field, "overrides": []},
        "options": options,
    }
    if alert:
        url = f"${{runbook}}#{alert.lower()}"
        result["links"] = [{"title": f"Runbook: {alert}", "url": url, "targetBlank": True}]
    return result


def thresholds(steps):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def stat(title, description, unit, expr, steps=(("green", None),), alert=None):
    """One number. steps: (colour, from this value on); the first from None."""
    field = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": thresholds(steps), "noValue": "none"}
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "textMode": "auto",
    }
    return panel("stat", title, description, [(expr, "")], field, options, alert)


def timeseries(title, description, unit, *queries, stack=False, line=None, alert=None):
    """queries: (expression, legend). line: a threshold, drawn."""
    steps = [("green", None)] + ([("red", line)] if line is not None else [])
    field = {
        "unit": unit,
        "min": 0,
        "color": {"mode": "palette-classic"},
        "thresholds": thresholds(steps),
        "custom": {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if stack else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if stack else "none", "group": "A"},
            "thresholdsStyle": {"mode": "off" if line is None else "line"},
        },
    }
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max", "lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, queries, field, options, alert)


def heatmap(title, description, unit, expr, alert=None):
    """expr: the increase of a histogram's buckets by le."""
    field = {"unit": "short", "custom": {"scaleDistribution": {"type": "linear"}}}
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
        "yAxis": {"unit": unit, "axisPlacement": "left", "reverse": False},
        "cellValues": {"unit": "short"},
        "filterValues": {"le": 1e-9},
        "rowsFrame": {"layout": "auto"},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": True},
    }
    return panel("heatmap", title, description, [(expr, "{{le}}")], field, options, alert, format="heatmap")


def model_table(title, description, expr, columns, alert=None):
    """Labels of an info metric, a row for each series."""
    field = {"unit": "string", "custom": {"align": "auto", "filterable": True}}
    result = panel(
        "table", title, description, [(expr, "")], field, {"showHeader": True}, alert, format="table", instant=True
    )
    result["transformations"] = [
        {"id": "filterFieldsByName", "options": {"include": {"names": columns}}},
        {"id": "organize", "options": {"indexByName": {name: i for i, name in enumerate(columns)}}},
    ]
    return result


def query_variable(name, label, query, multi=True):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": multi,
        "includeAll": True,
        # Everything, series without the label included.
        "allValue": ".*",
        "current": {"selected": True, "text": "All", "value": "$__all"},
    }


def variables(model):
    result = [
        {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1},
        {
            "type": "constant",
            "name": "runbook",
            "hide": 2,
            "query": RUNBOOK,
            "current": {"text": RUNBOOK, "value": RUNBOOK},
        },
        query_variable("namespace", "Namespace", "label_values(radio_build_info, namespace)"),
        query_variable("job", "Job", 'label_values(radio_build_info{namespace=~"$namespace"}, job)'),
        query_variable(
            "instance", "Instance", 'label_values(radio_build_info{namespace=~"$namespace", job=~"$job"}, instance)'
        ),
    ]
    if model:
        query = 'label_values(radio_model_ready{namespace=~"$namespace", job=~"$job"}, model)'
        result.append(query_variable("model", "Model", query))
    return result


def annotation(name, expr, title, color):
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "expr": expr,
        "titleFormat": title,
        "iconColor": color,
        "step": "60s",
    }


class Dashboard:
    def __init__(self, uid, title, description, model=False):
        """model: with a variable to choose models by."""
        self.uid, self.title, self.description, self.model = uid, title, description, model
        self._panels, self._top = [], 0

    def row(self, title, *panels, width=8, height=8):
        """Panels of one size, from left to right and on."""
        header = {"type": "row", "title": title, "collapsed": False, "panels": []}
        self._place(header, 0, COLUMNS, 1)
        self._top += 1
        for i, one in enumerate(panels):
            if i and i * width % COLUMNS == 0:
                self._top += height
            self._place(one, i * width % COLUMNS, width, height)
        self._top += height

    def _place(self, one, x, width, height):
        position = {"h": height, "w": width, "x": x, "y": self._top}
        self._panels.append({"id": len(self._panels) + 1, **one, "gridPos": position})

    def render(self):
        server = 'job=~"$job", namespace=~"$namespace", instance=~"$instance"'
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["radio-serve"],
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "annotations": {
                "list": [
                    annotation(
                        "Alerts",
                        'ALERTS{alertstate="firing", job=~"$job"}',
                        "{{alertname}} {{instance}} {{model}}",
                        "red",
                    ),
                    annotation(
                        "Restarts",
                        f"changes(process_start_time_seconds{{{server}}}[$__rate_interval]) > 0",
                        "restart {{instance}}",
                        "blue",
                    ),
                ]
            },
            "links": [
                {
                    "type": "dashboards",
                    "title": "RADIO Serve",
                    "tags": ["radio-serve"],
                    "asDropdown": True,
                    "includeVars": True,
                    "keepTime": True,
                },
                {"type": "link", "title": "Runbook", "url": "${runbook}", "targetBlank": True},
            ],
            "templating": {"list": variables(self.model)},
            "panels": self._panels,
        }

"""The selectors of a PromQL expression: enough of the grammar to know every series that an expression reads.

Whether an expression is valid is for promtool to say.
"""

import re
from dataclasses import dataclass

GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = {"and", "or", "unless", "bool", "offset", "atan2"}
AGGREGATIONS = set("sum min max avg count group stddev stdvar topk bottomk count_values quantile".split())
TOKEN = re.compile(
    r"""\s+|#[^\n]*|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<range>\[[^\]]*\])|(?P<number>\d[\w.]*)"""
    r"""|(?P<name>[A-Za-z_:][\w:]*)|(?P<variable>\$\w+|\$\{[^}]*\})|(?P<operator>=~|!~|!=|==|<=|>=|.)"""
)


@dataclass(frozen=True)
class Selector:
    series: str
    matchers: tuple  # of (label, operator, value)


def tokens(expression):
    """[(kind, text)]."""
    return [(m.lastgroup, m.group(m.lastgroup)) for m in TOKEN.finditer(expression) if m.lastgroup]


def selectors(expression):
    """Every series selector of `expression`."""
    result, parts, at = [], tokens(expression), 0
    while at < len(parts):
        kind, text = parts[at]
        following = parts[at + 1][1] if at + 1 < len(parts) else ""
        at += 1
        if kind != "name" or text in WORDS:
            continue
        if text in GROUPING:
            if following == "(":
                at = _end(parts, at, ")")
        elif following == "{":
            end = _end(parts, at, "}")
            result.append(Selector(text, _matchers(parts[at + 1 : end - 1])))
            at = end
        elif following != "(" and text not in AGGREGATIONS:
            result.append(Selector(text, ()))
    return result


def _end(parts, at, closing):
    while parts[at][1] != closing:
        at += 1
    return at + 1


def _matchers(parts):
    parts = [p for p in parts if p[1] != ","]
    return tuple((parts[i][1], parts[i + 1][1], parts[i + 2][1][1:-1]) for i in range(0, len(parts), 3))

"""The one exception whose text is meant for the user."""


class ExportError(Exception):
    """A request that cannot be fulfilled. The message is one line: the field, the rule and the value."""


def listing(names, limit=6):
    """`a, b, c and 4 more`: at most `limit` of `names`, in order."""
    names = list(names)
    text = ", ".join(names[:limit])
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"

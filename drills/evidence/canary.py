"""The canary: a secret of one run that opens nothing, put wherever a drill records something.

It goes the same ways as a real secret. The scan before publication looks for it, so a way that leaks is found by every
drill, and not first by a reader.
"""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """Every place in which a canary is planted, in the words of the record."""

    LEDGER = "ledger"
    ENVIRONMENT = "environment of child processes"
    COMMANDS = "command log"
    PICTURES = "picture metadata"
    JUNIT = "JUnit property"
    OUTPUT = "captured output"
    ADDRESS = "trace: page address"
    QUERY = "trace: query"
    HEADER = "trace: header"
    COOKIE = "trace: cookie"
    BODY = "trace: request body"
    STORAGE = "trace: storage"
    PAGE_TEXT = "trace: page text"
    FORM_FIELD = "trace: form field"
    TYPED = "trace: typed words"
    EVALUATION = "trace: evaluation"
    CONSOLE = "trace: console"
    PAGE_ERROR = "trace: page error"


#: What only a drill with tracing records.
TRACED = frozenset(channel for channel in Channel if channel.startswith("trace: "))
#: The variable in which child processes get the canary.
VARIABLE = "DRILL_CANARY"

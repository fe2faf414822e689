"""Anthropic Messages, spoken by clients and by upstreams."""

from omniroute.formats.anthropic_messages.error import render_error
from omniroute.formats.anthropic_messages.parse import parse_request
from omniroute.formats.anthropic_messages.render import render_request
from omniroute.formats.anthropic_messages.response import parse_response, render_response
from omniroute.formats.anthropic_messages.stream import StreamReader, StreamWriter
from omniroute.formats.anthropic_messages.tap import LAST_EVENT, TELLTALES, inspect, sight
from omniroute.formats.anthropic_messages.usage import NAME as name

path = "/messages"

__all__ = [
    "LAST_EVENT",
    "TELLTALES",
    "StreamReader",
    "StreamWriter",
    "inspect",
    "name",
    "parse_request",
    "parse_response",
    "path",
    "render_error",
    "render_request",
    "render_response",
    "sight",
]

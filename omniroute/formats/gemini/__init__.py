"""Gemini generateContent, spoken by clients and by upstreams. The model is part of the path, and so is whether it streams."""

from omniroute.formats.gemini.error import render_error
from omniroute.formats.gemini.parse import parse_request
from omniroute.formats.gemini.render import render_request
from omniroute.formats.gemini.response import parse_response, render_response
from omniroute.formats.gemini.stream import StreamReader, StreamWriter
from omniroute.formats.gemini.tap import LAST_EVENT, TELLTALES, inspect, sight
from omniroute.formats.gemini.usage import NAME as name

path = "/models/{model}:generateContent"

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

"""OpenAI Chat Completions, spoken by clients and by upstreams."""

from omniroute.formats.openai_chat.details import NAME as name
from omniroute.formats.openai_chat.parse import parse_request
from omniroute.formats.openai_chat.render import render_request
from omniroute.formats.openai_chat.response import parse_response, render_response
from omniroute.formats.openai_chat.stream import StreamReader, StreamWriter
from omniroute.formats.openai_chat.tap import LAST_EVENT, TELLTALES, inspect, sight
from omniroute.formats.openai_error import render_error

path = "/chat/completions"

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

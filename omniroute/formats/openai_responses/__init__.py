"""OpenAI Responses, spoken by clients and by upstreams."""

from omniroute.formats.openai_error import render_error
from omniroute.formats.openai_responses.parse import parse_request
from omniroute.formats.openai_responses.render import render_request
from omniroute.formats.openai_responses.response import parse_response
from omniroute.formats.openai_responses.stream_reader import StreamReader
from omniroute.formats.openai_responses.stream_writer import StreamWriter, render_response
from omniroute.formats.openai_responses.tap import LAST_EVENT, TELLTALES, inspect, sight
from omniroute.formats.openai_responses.usage import NAME as name

path = "/responses"

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

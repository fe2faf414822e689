"""OpenAI's legacy text completions. Clients speak it, and some upstreams; nothing is translated to it: it renders no request."""

from omniroute.formats.openai_completions.parse import NAME as name
from omniroute.formats.openai_completions.parse import parse_request
from omniroute.formats.openai_completions.reading import LAST_EVENT, TELLTALES, StreamReader, inspect, parse_response, sight
from omniroute.formats.openai_completions.writing import StreamWriter, render_response
from omniroute.formats.openai_error import render_error

path = "/completions"

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
    "render_response",
    "sight",
]

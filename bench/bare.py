"""The bare relay: Flask, requests and gunicorn's gevent workers, and nothing else. It is the limit of this stack.

    BARE_UPSTREAM=http://127.0.0.1:9100 gunicorn -c bench/bare_conf.py --bind 127.0.0.1:9200 bench.bare:app

It passes a request of any format on and the answer back: no key, no log, no routing, no care for a client that leaves.
"""

import os
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy

import requests
from flask import Flask, Response, request
from requests.adapters import HTTPAdapter

UPSTREAM = os.environ.get("BARE_UPSTREAM", "http://127.0.0.1:9100").rstrip("/")
PASSED_ON = ("Content-Type", "Accept", "Authorization", "anthropic-version", "anthropic-beta")

app = Flask(__name__)
session = requests.Session()
session.trust_env = False
session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
session.mount("http://", HTTPAdapter(pool_maxsize=1000))


@app.post("/v1/chat/completions")
@app.post("/v1/messages")
@app.post("/v1/responses")
@app.post("/v1beta/models/<path:call>")
def relay(call: str = "") -> Response:
    headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    answer = session.post(
        UPSTREAM + request.full_path.rstrip("?"),
        data=request.get_data(),
        headers=headers,
        stream=True,
        timeout=(5, 600),
        allow_redirects=False,
    )
    content_type = answer.headers.get("Content-Type", "application/json")
    if content_type.startswith("text/event-stream"):
        return Response(pieces(answer), answer.status_code, content_type=content_type)
    return Response(answer.content, answer.status_code, content_type=content_type)


@app.get("/healthz")
def alive() -> str:
    return "ok"


def pieces(answer: requests.Response) -> Iterator[bytes]:
    """Bytes as they come: iter_content(None) would wait for the end of a body without chunks (psf/requests#5536)."""
    try:
        while piece := answer.raw.read1(65536, decode_content=True):
            yield piece
    finally:
        answer.close()

# The gateway in a container: docs/operations.md says how to run it.
#
# The tag names an exact Python and Debian release. A digest is stronger still: look it up where you trust your network
# (docker buildx imagetools inspect python:3.11.16-slim-trixie) and build with --build-arg BASE=python@sha256:...
ARG BASE=python:3.11.16-slim-trixie

FROM ${BASE} AS build
COPY requirements.txt /build/
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r /build/requirements.txt \
 && /opt/venv/bin/pip uninstall --yes --quiet setuptools pip

FROM ${BASE}
# A fixed id, so that a folder of the host can be given to it: chown 10001:10001.
RUN groupadd --gid 10001 omniroute \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app/data --shell /usr/sbin/nologin omniroute
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY app.py wsgi.py gunicorn.conf.py README.md CHANGELOG.md LICENSE ./
COPY docs ./docs
COPY migrations ./migrations
COPY static ./static
COPY templates ./templates
COPY omniroute ./omniroute
RUN python3 -m compileall -q /app && install -d -o omniroute -g omniroute -m 0700 /app/data

# HOST: inside a container that is every address, so keys are needed; what -p publishes decides who reaches it.
# DRAIN_SECONDS: `docker stop` kills after 10 s; streams are to end in words before that, and clients have half as long again
# to take them.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=20128 \
    DATA_DIR=/app/data \
    DRAIN_SECONDS=3
VOLUME ["/app/data"]
EXPOSE 20128
STOPSIGNAL SIGTERM
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python3", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
# `exec`: gunicorn takes the shell's place, and with it the signal that ends the container. Told to end before that, the
# shell lets the tables be finished first.
CMD ["sh", "-c", "trap 'exit 143' TERM INT; python3 -m omniroute prepare && exec gunicorn -c gunicorn.conf.py wsgi:app"]

# Each target works from a fresh clone and is quick the second time.
SHELL := /bin/sh
.SHELLFLAGS := -euc
PYTHON ?= python3
VENV := .venv
JOBS ?= 2
BIN := $(VENV)/bin
SDKS := $(patsubst requirements-sdks/%.txt,$(VENV)/sdks/%/installed,$(wildcard requirements-sdks/*.txt))
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes
PIP := $(BIN)/python $(PIP_INSTALL)
# What is measured runs as `make install` leaves it: what tests need besides would take part (structlog loads rich where it is).
INSTALLED := $(VENV)/as-installed
AS_INSTALLED := AS_INSTALLED=$(INSTALLED)/bin/python

# A release of a package is taken up once it has been out for a while: most that were tampered with were found within days.
COOLDOWN ?= 7 days
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --exclude-newer "$(COOLDOWN)"

.PHONY: install install-dev run migrate test check audit sbom canary bench bench-peers bench-growth soak outage clients docs prices lock
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed ## what the gateway needs, into .venv

install-dev: $(VENV)/installed-dev

run: install ## start the gateway on http://localhost:20128
	@$(BIN)/python -m omniroute prepare
	@exec $(BIN)/gunicorn -c gunicorn.conf.py wsgi:app

migrate: install ## bring the database to this release's schema
	@$(BIN)/python -m omniroute migrate

test: install-dev $(SDKS) $(INSTALLED)/installed ## all tests, against real servers and a real browser
	@scripts/test-needs
	@exec $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(PYTEST)

check: install-dev ## formatting, lint, types, house rules, what comes from elsewhere
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/check-supply-chain
	@$(BIN)/python scripts/audit-packages

audit: install-dev ## known vulnerabilities in all pinned packages; fails when nobody answers
	@$(BIN)/python scripts/audit-packages --strict $(wildcard requirements.txt requirements-dev.txt requirements-sdks/*.txt bench/peers/requirements*.txt)

sbom: install-dev ## what the gateway is made of, as CycloneDX, into dist/
	@$(BIN)/python scripts/write-sbom

canary: install-dev $(SDKS) $(INSTALLED)/installed ## all tests with gateways that log all they can: none of it may hold a secret
	@scripts/test-needs
	@TESTS_LOG_LEVEL=DEBUG exec $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(PYTEST)

bench: install-dev $(INSTALLED)/installed ## speed, as ratios to a bare relay; figures into bench/results/
	@$(AS_INSTALLED) exec $(BIN)/python -m bench.run $(BENCH)

bench-peers: install-dev $(INSTALLED)/installed ## the same load on LiteLLM and Portkey too, installed into .venv/peers; needs node
	@$(AS_INSTALLED) exec $(BIN)/python -m bench.peers $(PEERS)

bench-growth: install-dev $(INSTALLED)/installed ## how cost grows with bodies, combos, keys, connections and log rows
	@$(AS_INSTALLED) exec $(BIN)/python -m bench.growth $(GROWTH)

soak: install-dev $(INSTALLED)/installed ## an hour of paced streams over targets that go down and come up, and clients that leave; figures into bench/results/
	@$(AS_INSTALLED) exec $(BIN)/python -m bench.soak $(SOAK)

outage: install-dev ## the database, and Redis, away for 30 s under load; a short form is in the tests
	@scripts/test-needs
	@OUTAGE_SECONDS=30 exec $(BIN)/python -m pytest tests/relay/limits/test_outages.py

clients: install-dev ## Claude Code and Codex, from npm, through a gateway of their own
	@exec $(BIN)/python -m tests.clients.run $(CLIENTS)

docs: install ## docs/providers.md and docs/conformance.md anew, from data and from what is seen
	@$(BIN)/python -m omniroute providers-page > docs/providers.md.new
	@mv docs/providers.md.new docs/providers.md
	@$(BIN)/python -m tests.formats.conformance > docs/conformance.md.new
	@mv docs/conformance.md.new docs/conformance.md

prices: install-dev ## omniroute/prices/table.json anew, of the genai-prices in requirements-dev.txt
	@$(BIN)/python scripts/renew-prices

lock: install-dev ## compile requirements.txt, requirements-dev.txt, those of older SDKs and of the benchmark's peers anew
	@$(LOCK) requirements.in -o requirements.txt
	@$(LOCK) requirements-dev.in -o requirements-dev.txt
	@for each in $(basename $(wildcard requirements-sdks/*.in bench/peers/*.in)); do \
		$(LOCK) $$each.in -o $$each.txt; \
	done

$(VENV)/bin/python:
	@scripts/make-venv $(PYTHON) $(VENV)

$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(INSTALLED)/installed: requirements.txt
	@rm -rf $(@D)
	@scripts/make-venv $(PYTHON) $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) -r requirements.txt
	@touch $@

# An SDK's older majors, each in a folder of its own: one environment holds one version.
$(VENV)/sdks/%/installed: requirements-sdks/%.txt | $(VENV)/installed-dev
	@rm -rf $(@D)
	@$(PIP) --target $(@D) -r $<
	@touch $@

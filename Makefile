# Paceline: everything a developer runs, on a machine that has only python3, make, git and sh.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := libs/event-contracts libs/service-kit services/metrics-ingest services/goal-service \
	services/alerting services/incentives services/console cli
MANIFESTS := $(addsuffix /pyproject.toml,$(PACKAGES))
DRILL ?= --kills 60
GUARDS ?= cas,head,exit,lane
FOLD ?= --variants
LATENCY ?= --rate 5000 --seconds 60 --goals 1000 --tenants 3 --runs 5
SUSTAIN ?= --of-folding 0.5 --seconds 60
COST ?= --plot .benchmarks/cost.svg
LOCKER := .cache/locker

.DEFAULT_GOAL := help
.PHONY: help setup test lint format rows boards demo bench bench-long drill drill-long compose-check lock clean

# In Python, because a fresh machine may have neither awk nor find.
LIST := import re, sys; \
	[print(f"  {name:<13} {text}") for name, text in re.findall(r"(?m)^([a-z-]+):.*\#\# (.*)", open(sys.argv[1]).read())]
SWEEP := import pathlib, shutil; \
	[shutil.rmtree(p) for room in ("libs", "services", "cli", "tests", "benchmarks") for p in pathlib.Path(room).rglob("__pycache__")]

# One measurement after another: one that fails is named in the end.
measure = echo; echo "paceline bench $(1) $(2)"; \
	$(BIN)/paceline bench $(1) $(2) --json .benchmarks/$(1).json || failed="$$failed $(1)"

help: ## Show this list
	@$(PYTHON) -c '$(LIST)' $(firstword $(MAKEFILE_LIST))

setup: .venv/.stamp-packages .venv/.stamp-jars .venv/.stamp-assets .venv/.stamp-loops ## Make .venv, install the lock and all packages, bring the broker's jars and the pages' scripts, compile

# pip answers --require-hashes with an error for any file that is not in the lock.
.venv/.stamp-lock: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	@touch $@

.venv/.stamp-packages: .venv/.stamp-lock $(MANIFESTS)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	@touch $@

.venv/.stamp-jars: .venv/.stamp-packages libs/service-kit/src/service_kit/embedded/kafka-4.1.1.sha256
	$(BIN)/python -m service_kit.embedded.setup
	@touch $@

.venv/.stamp-loops: .venv/.stamp-packages $(wildcard services/metrics-ingest/src/metrics_ingest/domain/scan/*.py libs/service-kit/src/service_kit/librdkafka/*.py libs/service-kit/src/service_kit/compiled.py)
	$(BIN)/python -m service_kit.librdkafka.messages
	$(BIN)/python -m metrics_ingest.domain.bulk.warm
	@touch $@

.venv/.stamp-assets: .venv/.stamp-packages services/console/package-lock.json services/console/node.txt services/console/assets.py
	$(BIN)/python services/console/assets.py
	@touch $@

test: setup ## Lint, types, import rules, then every test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest

lint: setup ## ruff, mypy and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Rewrite the sources as ruff wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

rows: setup ## Run the numbered rows of the acceptance table
	@$(BIN)/python tests/rows.py

boards: setup ## Write the Grafana boards and the operators' tables from the code
	$(BIN)/python deploy/grafana/boards.py
	$(BIN)/python docs/operators/generate.py

demo: setup ## Start everything embedded and play the demonstration
	@$(BIN)/paceline demo

bench: setup ## Measure folding beside its peers, latency, a steady rate, and what an event costs (FOLD, LATENCY, SUSTAIN, COST: options of each)
	@mkdir -p .benchmarks; rm -f $(foreach name,fold latency sustain cost,.benchmarks/$(name).json)
	@trap 'exit 130' INT; failed=; \
	$(call measure,fold,$(FOLD)); $(call measure,latency,$(LATENCY)); \
	$(call measure,sustain,$(SUSTAIN)); $(call measure,cost,$(COST)); \
	echo; $(BIN)/paceline bench summary .benchmarks || failed="$$failed (no report)"; \
	test -z "$$failed" || { echo "make bench: NOT as it should be:$$failed"; exit 1; }; \
	echo "make bench: all four measured, every run the truth; reports in .benchmarks"

bench-long: setup ## Memory under a backlog, one metric's limit, ten minutes sustained
	@mkdir -p .benchmarks
	@$(BIN)/paceline bench fold --events 8000000 --window 30000000 --rounds 1 --peers one --json .benchmarks/backlog.json
	@$(BIN)/paceline bench facts --json .benchmarks/facts.json
	@$(BIN)/paceline bench sustain --of-folding 0.5 --seconds 600 --json .benchmarks/sustain-long.json

drill: setup ## Kill under load (DRILL='--kills 60'), then without each guard (GUARDS): nothing may be lost, each of these must be seen
	@mkdir -p .benchmarks
	@$(BIN)/paceline drill $(DRILL) --then-break $(GUARDS) --json .benchmarks/drill.json \
		&& echo "make drill: passed" || { code=$$?; echo "make drill: NOT passed ($$code)"; exit $$code; }

drill-long: setup ## Replay the shop's whole year in its eight ways, then overload and hostile input for longer
	@PACELINE_WHOLE_YEAR=1 $(BIN)/python -m pytest tests/retail
	@PACELINE_HOSTILE=20 PACELINE_OVERLOAD=60 $(BIN)/python -m pytest tests/limits services/metrics-ingest/tests/test_hostile.py services/metrics-ingest/tests/test_hostile_topics.py

compose-check: setup ## Run docker-compose.yml on an engine under load and kills (CHECK='--break lost'), or say why not
	@$(BIN)/python deploy/check $(CHECK)

LOCK := $(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

lock: ## Resolve requirements.in again into requirements.txt, and the console's node
	@test -x $(LOCKER)/bin/uv || { $(PYTHON) -m venv $(LOCKER) && $(LOCKER)/bin/python -m pip install --quiet uv; }
	env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(LOCK) requirements.in --output-file requirements.txt
	env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(LOCK) services/console/node.in --output-file services/console/node.txt

clean: ## Remove .venv and everything that tools left behind
	rm -rf .venv .cache services/console/src/console/static/vendor __pycache__ .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@$(PYTHON) -c '$(SWEEP)'

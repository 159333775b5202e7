# One command per wish. Every target makes what it needs first; PYTHON= names the Python that makes .venv.

PYTHON ?= python3
VENV := .venv/bin

.PHONY: demo up stop test check check-long bench chaos soak screenshots proto format lock bootstrap temporal chromium redis
.DEFAULT_GOAL := test

# ONCE=1: end after one session.
demo: temporal
	@$(VENV)/sniper demo $(if $(filter 1,$(ONCE)),--once)

up: temporal
	@$(VENV)/sniper up

# LEAVE_OPEN=1: also while a session is armed or holds a position.
stop: bootstrap
	@$(VENV)/sniper stop $(if $(filter 1,$(LEAVE_OPEN)),--leave-open)

test: temporal chromium redis check
	@$(VENV)/pytest -m "not long"

check: bootstrap
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy .
	@$(VENV)/lint-imports

check-long: temporal redis
	@$(VENV)/pytest -m long

# Figures of this machine against their bars.
bench: temporal redis
	@$(VENV)/python -m benchmarks.simulator
	@$(VENV)/python -m benchmarks.reconnect
	@$(VENV)/python -m benchmarks.governor
	@$(VENV)/python -m benchmarks.fire
	@$(VENV)/python -m benchmarks.order_path
	@$(VENV)/python -m benchmarks.late_entry

# Purchases under seeded mishaps, judged by the venue's ledger. RUNS=500 for fewer, SEED=17 for one with its story.
chaos: bootstrap
	@$(VENV)/python -m tests.chaos $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(KILL_SEED),--kill-seed $(KILL_SEED)) $(if $(TIMES),--times $(TIMES)) \
		$(if $(PROCESSES),--processes $(PROCESSES)) $(if $(FROM),--from $(FROM))

# An hour of orders at the simulator, its memory watched. MINUTES=48 or more.
soak: bootstrap
	@$(VENV)/python -m benchmarks.soak --minutes $(or $(MINUTES),60)

# Every page of the panel, wide and on a phone, and a timeline: what README shows.
screenshots: temporal chromium
	@$(VENV)/python -m tests.browser.screenshots docs/panel

format: bootstrap
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

proto: bootstrap
	@PYTHON=$(VENV)/python adapters/mexc/pb/generate.sh

# After a change of pyproject.toml. Versions stand until UPGRADE=1 asks for newer ones.
lock: bootstrap
	@$(VENV)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet $(if $(filter 1,$(UPGRADE)),--upgrade) --output-file requirements.lock

bootstrap:
	@$(PYTHON) tools/bootstrap.py

# A server found or made once up front, so that its minutes of building are seen for what they are.
temporal: bootstrap
	@found=$$($(VENV)/python -m adapters.local.temporal_binary) && echo "Temporal: $$found" || { echo "$$found"; exit 1; }

# For the panel's tests: found, or installed once.
chromium: bootstrap
	@$(VENV)/python -m tests.browser.chromium

# For the tests of the shared request budget: found, or installed once.
redis: bootstrap
	@$(VENV)/python -m tests.redis_server

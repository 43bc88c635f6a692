# The two commands are `make run` and `make test`; `make` alone lists all of them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -p tests.support.servers -n 2
T ?= tests

export DJANGO_SETTINGS_MODULE := workflow_platform.settings

# The settings read a complete production environment; its values reach nothing.
PRODUCTION := DEBUG=false HTTPS=true ALLOWED_HOSTS=workflows.example.org \
	SECRET_KEY=$$(head -c 48 /dev/urandom | base64 -w 0) \
	DB_ENCRYPTION_KEY=$$(head -c 32 /dev/urandom | base64 -w 0) \
	DB_HOST=database.example.org DB_PASSWORD=none DB_SSLMODE=verify-full \
	REDIS_HOST=broker.example.org REDIS_TLS=true

.DEFAULT_GOAL := help
.PHONY: help run test faults check setup lint types layers migrations deploy-check openapi

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/runtime ## Start everything and run the sample; PORT=8001 for another port, ONCE=1 to end after it
	@exec $(BIN)/python -m workflow_platform.local.run --end-with-parent $(if $(filter-out 0 no false,$(ONCE)),--once)

test: $(VENV)/development ## Run the tests on real servers; T=tests/core for a part
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(T)

faults: $(VENV)/development ## Inject every fault (under an hour; goes on where it stopped); SUBSET=1, FAULT=name N=5 SEED=1
	@$(BIN)/python -m tests.faults $(if $(filter-out 0 no false,$(SUBSET)),--subset) $(if $(FAULT),--fault $(FAULT)) $(if $(N),--n $(N)) $(if $(SEED),--seed $(SEED))

.PHONY: ai-faults
ai-faults: $(VENV)/development ## Let a model's endpoint fail in every way, 50 times each; N=5 for fewer
	AI_FAULTS=$(or $(N),50) $(BIN)/python -m pytest -p tests.support.servers -q --timeout 1800 tests/ai/test_faults.py

.PHONY: soak
soak: $(VENV)/development ## Constant load with a fault every few seconds: nothing lost, nothing grows; MINUTES=10
	@$(BIN)/python -m tests.faults.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz
fuzz: $(VENV)/development ## Try generated input of every kind; SUBSET=1 for a part, SEED=1 for other input
	@$(if $(filter-out 0 no false,$(SUBSET)),,FUZZ_FULL=1) $(if $(SEED),FUZZ_SEED=$(SEED)) $(BIN)/python -m pytest -p tests.support.servers -q tests/fuzz

.PHONY: redaction
redaction: $(VENV)/development ## Measure how well personal data and secrets are found; N=10000 SEED=1 SHOW=20
	@$(BIN)/python -m tests.ai.safety $(if $(N),--n $(N)) $(if $(SEED),--seed $(SEED)) $(if $(SHOW),--show $(SHOW))

.PHONY: evals
evals: $(VENV)/development ## Score workflows drawn up from words, by the configured model and by the offline planner
	@$(BIN)/python -m evals

.PHONY: model
model: $(VENV)/development ## A stand-in for a model, to try redaction and budgets without one; MODEL_PORT=11435
	@$(BIN)/python -m tests.ai.stand_in $(or $(MODEL_PORT),11435)

check: setup lint types layers migrations deploy-check security test ## Everything that CI checks

setup: $(VENV)/development ## Make the virtual environment with everything for the tests

lint: setup ## Style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup ## Static types
	$(BIN)/mypy .

layers: setup ## Which app may import which
	$(BIN)/lint-imports

migrations: setup ## Every model change has its migration
	DB_HOST=/nonexistent $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

deploy-check: setup ## Django's checks under production settings
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

.PHONY: security lock licences
# Left out: hashes of the lock files, and the placeholder that documents the form of addresses.
security: setup ## Weak spots in the code, and secrets that slipped in
	@# Its log tells of every line that was looked at twice.
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml . 2>$(VENV)/bandit.log || { cat $(VENV)/bandit.log; exit 1; }
	{ git ls-files -z --cached --others --exclude-standard 2>/dev/null \
		|| find . -type f -not -path './.*' -not -path './var/*' -print0; } \
		| xargs -0 $(BIN)/detect-secrets-hook \
			--exclude-files '^(requirements(-dev)?\.lock|tests/node/package-lock\.json)$$' --exclude-lines '//user:password@'

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock'

lock: $(if $(wildcard $(BIN)/uv),,setup) ## Write the lock files anew, after a change of requirements.txt or requirements-dev.txt
	$(LOCK) requirements.txt --output-file requirements.lock
	$(LOCK) requirements-dev.txt --output-file requirements-dev.lock

licences: $(if $(wildcard $(BIN)/uv),,setup) ## Write docs/licences.md anew
	$(BIN)/python -m tests.licences

.PHONY: bench
bench: $(VENV)/runtime $(if $(filter-out 0 no false,$(PEERS)),$(VENV)/peers/installed) ## Measure beside raw Celery; LOAD=W1 ROUNDS=2 for a part, CHECK=1 to judge, PEERS=1 for others
	@$(BIN)/python -m benchmarks $(if $(LOAD),--load $(LOAD)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(SCALE),--scale $(SCALE)) $(if $(filter-out 0 no false,$(CHECK)),--check) \
		$(if $(filter-out 0 no false,$(PEERS)),--peers $(CURDIR)/$(VENV)/peers/bin/python)

# The peers' dependencies are theirs alone.
$(VENV)/peers/installed: benchmarks/requirements.txt $(VENV)/home
	@$(PYTHON) -m venv --clear $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip install -qq --disable-pip-version-check --requirement benchmarks/requirements.txt
	@touch $@

openapi: setup ## Write docs/openapi.json anew
	$(BIN)/python manage.py spectacular --format openapi-json --validate --fail-on-warn --file docs/openapi.json

# Scripts in a virtual environment hold its path, so a moved folder needs a new one.
ifneq ($(CURDIR),$(shell cat $(VENV)/home 2>/dev/null))
.PHONY: $(VENV)/home
endif

$(VENV)/home:
	@command -v $(PYTHON) >/dev/null || { echo 'No $(PYTHON) here. Install Python 3.11, 3.12 or 3.13, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "$$($(PYTHON) --version) does not fit: name a Python 3.11, 3.12 or 3.13, as in: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo 'Python has no venv module here. On Debian and Ubuntu: sudo apt-get install python3-venv'; exit 1; }
	@echo 'Making the virtual environment (once) ...'
	@$(PYTHON) -m venv --clear $(VENV)
	@printf '%s' '$(CURDIR)' > $@

$(VENV)/runtime: requirements.lock $(VENV)/home
	@echo 'Installing what it needs (a minute, once) ...'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement requirements.lock
	@touch $@

$(VENV)/development: requirements-dev.lock $(VENV)/runtime | $(VENV)/node/installed
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@

# A server that speaks a model's API, for the tests of AI alone: they are skipped where there is no Node.
SYSTEM_CA := $(wildcard /etc/ssl/certs/ca-certificates.crt)
$(VENV)/node/installed: tests/node/package.json tests/node/package-lock.json $(VENV)/home
	@mkdir -p $(VENV)/node
	@cp tests/node/package.json tests/node/package-lock.json $(VENV)/node/
	@if command -v npm >/dev/null && node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))'; then \
		npm ci --prefix $(VENV)/node --ignore-scripts --no-audit --no-fund $(if $(SYSTEM_CA),--cafile $(SYSTEM_CA)) \
			--fetch-retries 2 --fetch-retry-mintimeout 1000 --fetch-retry-maxtimeout 5000 --loglevel=error >/dev/null && touch $@ \
			|| echo 'npm does not give aimock: the tests against it will be skipped.'; \
	else echo 'No Node.js 20 here: the tests against aimock will be skipped.'; fi

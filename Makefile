# Everything runs from .venv, which `make` builds by itself from the pinned requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.8

# Many processes start here, and each would compile Sntry anew where Python may not keep its bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test deep faults fuzz mutation mutants coverage lint bench tour clean lock sbom

run: $(READY)
	@$(BIN)/python manage.py up $(if $(PORT),--port=$(PORT))

# Databases are made anew at the start and not dropped at the end, when PostgreSQL would write down all of them first.
# Three at a time on two cores, because those that drive a browser mostly wait for it.
test: $(READY)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --reuse-db --create-db

# The same with ten times as many simulated worlds whose truth must be found again, and 10,000 networks with their
# prices, 250,000 steps of people who do what they like to work orders, every hostile string in every column, and every
# method at every address for every caller.
deep: $(READY)
	RECOVERY_SEEDS=200 PRICE_EXAMPLES=10000 LAB_SEEDS=8 ORDER_STEPS=250000 HOSTILE_ROWS=340 MATRIX=all \
		$(BIN)/python -m pytest -n 2 --timeout=3600 tests/test_world_truth.py tests/test_pricing_properties.py \
		tests/test_policy_lab.py tests/test_order_machine.py tests/test_hostile.py tests/test_access_matrix.py

# Breaks a whole Sntry of its own in every way that docs/faults.md tells, and prints the scoreboard; hours. One part alone:
# make faults PARTS=kills.
faults: $(READY)
	$(BIN)/python -m tests.faults $(PARTS)

# 7,000 cases at least as each of three callers against the contract of the API; seconds for each kind of cases.
FUZZ_SECONDS ?= 600
fuzz: $(READY)
	FUZZ_CASES=7000 FUZZ_EXAMPLES=20 FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -s --timeout=7200 \
		tests/test_api_fuzz.py

# Whether the tests notice small mistakes in core modules: 85 of 100 at least; a quarter of an hour.
# MODULES="pricing/engine.py" looks at some of the modules only.
mutation: $(READY)
	$(BIN)/python -m tests.mutants $(MODULES)

# Whether the tests notice each safeguard that is taken away.
mutants: $(READY)
	$(BIN)/python -m tests.security_mutants

# Which lines and branches the tests take, which templates they render and which addresses they ask for; an hour.
coverage: $(READY)
	$(BIN)/python -m tests.covered

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	@# Ruff's S rules are the same as the skipped ones, and want a reason on the line.
	$(BIN)/bandit -q -r -ll --skip B104,B108,B308,B310,B608,B703 \
		manage.py stations telemetry maintenance pricing sntry_site
	$(BIN)/python -m tests.security_lint
	$(BIN)/python manage.py check
	@# Without the warning that the history of migrations was not compared with a database: none is needed here.
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

bench: $(READY)
	$(BIN)/python -m benchmarks

# A network of its own, learnt from and used in Chromium; about a quarter of an hour.
tour: $(READY)
	$(BIN)/python docs/take_pictures.py

# What Sntry is made of: libraries and scripts with versions, hashes and licences, as CycloneDX.
sbom: $(READY)
	$(BIN)/python -m deploy.bill_of_materials

lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --extra dev pyproject.toml -o requirements.txt

# Stops the engines first, and nothing is removed while `manage.py up` runs.
clean:
	@if [ -e $(READY) ]; then $(BIN)/python manage.py services stop; fi
	rm -rf $(VENV) var .pytest_cache .ruff_cache .hypothesis .import_linter_cache staticfiles

$(READY): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer," \
		"or set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
		"Sntry needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python has no venv module:" \
		"install it (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Preparing $(VENV) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.txt --python $(BIN)/python
	@touch $(READY)

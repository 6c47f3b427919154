# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Debian keeps ensurepip in a package of its own: use pip where it is there, or install that package where we may.
NEW_VENV := { rm -rf $(VENV); $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { $(PYTHON) -m venv --without-pip --clear $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip 2>/dev/null; }; }
VENV_PACKAGE := { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq $(notdir $(PYTHON))-venv >/dev/null; }
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: demo test kernels lint bench campaigns faults spans live schemas picture clean help

help:            ## what there is
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/  /'

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "selvawatch: $(PYTHON) is not installed; got no interpreter, needed Python 3.11 or later; install it, or call make PYTHON=python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(NEW_VENV) || { $(VENV_PACKAGE) && $(NEW_VENV); } || { rm -rf $(VENV); echo "selvawatch: $(PYTHON) cannot make a virtual environment; got no ensurepip, needed the package $(notdir $(PYTHON))-venv; install it" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable .
	@touch $@

demo: $(STAMP)   ## simulate an archive, run the whole pipeline over it through Prefect, print where the bulletin is
	@$(BIN)/python flows/demo.py

test: $(STAMP)   ## the whole test suite, offline
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

kernels: $(STAMP) ## compile ahead the kernels of the packaged models, which the first program that uses them does otherwise
	$(BIN)/python -c "import importlib, pkgutil, selvawatch as s; [importlib.import_module(m.name) for m in pkgutil.walk_packages(s.__path__, 'selvawatch.')]"

lint: $(STAMP)   ## ruff, mypy, import-linter, deptry
	$(BIN)/ruff check pipeline flows tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry pipeline flows docs
	$(BIN)/deptry tests tests/support tests/bench tests/faults --exclude "\.venv" --ignore DEP002,DEP004

bench: $(STAMP)  ## speed, as ratios within one run; never part of the tests
	$(BIN)/python -m pytest tests/bench -m "bench and not campaign" -s --benchmark-columns=min,median,max

campaigns: $(STAMP) ## the detector's and the alerts' figures in the cards, over many areas and worlds; takes some hours
	$(BIN)/python -m pytest tests/bench -m campaign -s

faults: $(STAMP) ## damages, kills, schedules and what lower tiers are given, in great number; takes some hours
	$(BIN)/python -m pytest tests/faults -m faults -s

spans: $(STAMP)  ## a thousand made-up files of loss with any dates and spans, a hundred crossings of rights; takes some minutes
	SELVAWATCH_EXAMPLES=1000 $(BIN)/python -m pytest tests/property/test_loss_spans.py
	SELVAWATCH_EXAMPLES=100 $(BIN)/python -m pytest tests/property/test_attribute_accountings.py

live: $(STAMP)   ## what each real archive gives today, as a table for a report; needs the internet, at most five minutes
	$(BIN)/python -m pytest tests/live -m live -s

schemas: $(STAMP) ## outputs/schemas/ again, after a column or a layer has changed
	$(BIN)/python -m selvawatch.write.schemas outputs/schemas

picture: $(STAMP) ## docs/images/ again, from the demo's run; needs chromium
	$(BIN)/python docs/picture.py

clean:           ## remove the virtual environment and build leftovers; outputs/ stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

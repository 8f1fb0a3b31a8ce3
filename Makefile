# make benchmark   make the environment .venv and run the benchmark on the demo faces
# make test        make the environment and run the tests
# make lint        style, types, import layers, generated tables
# make wheel-check build a wheel and label a picture from an empty environment

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: benchmark test lint wheel-check clean

benchmark: $(STAMP)
	$(RUN) -m benchmarks.run

test: $(STAMP)
	$(RUN) -m pytest -q -n 2 --dist loadfile

lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m benchmarks.readme --check

wheel-check: $(STAMP)
	PYTHON=$(PYTHON) bash .ci/wheel-check

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo "fer-ensemble needs Python 3.11, 3.12 or 3.13, and none was found;" \
			"install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu install" \
			"the package python3-venv" >&2; exit 2; }
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,data,web,dev]'
	bash .ci/use-headless-opencv-if-needed $(RUN)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info

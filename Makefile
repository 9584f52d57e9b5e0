# Everything a learner, teacher or maintainer types. Windows: see README.md.
PYTHON ?= python3
VENV   ?= .venv
PIP_FLAGS ?= --disable-pip-version-check
RUN = $(VENV)/bin/python
NBVAL = --nbval --nbval-current-env --nbval-cell-timeout=300
# Three workers with one thread each, for two cores: while one waits for the browser or
# another process, two compute. Threads of several workers would wait for each other.
PARALLEL ?= -n 3 --dist loadscope --no-loadscope-reorder
test quick: export OMP_NUM_THREADS ?= 1
test quick: export OPENBLAS_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE
# Hundreds of processes import PyTorch: from its bytecode in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help lab check test quick notebooks bench gpu clean

help:  ## this list
	@echo "make lab        install what is missing, open JupyterLab on the first notebook"
	@echo "make test       prove every notebook, widget and function (some minutes)"
	@echo "make quick      the tests without browser, notebooks and slow ones"
	@echo "make check      look at versions, device, data sets and the kernel"
	@echo "make notebooks  rebuild the notebooks whose source or package changed"
	@echo "make bench      run the speed comparisons and print their tables"
	@echo "make gpu        six minutes on an NVIDIA GPU: its tests, speeds, a training"
	@echo "make clean      remove .venv and caches; data and progress stay"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "The course needs Python 3.10 or newer; $(PYTHON) is"; $(PYTHON) --version; \
	  echo "Name another one: make lab PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment could be made (Debian: apt install python3-venv)."; exit 1; }

# A stamp is written only after a complete install, so an interrupted one is resumed.
$(VENV)/.lab: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing the course into $(VENV) (PyTorch is large: allow some minutes) ..."
	@$(RUN) -m pip install $(PIP_FLAGS) -c constraints.txt -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing the course and its test tools into $(VENV) ..."
	@$(RUN) -m pip install $(PIP_FLAGS) -c constraints.txt -e ".[dev]"
	@touch $(VENV)/.lab $@

lab: $(VENV)/.lab
	@$(RUN) -m cnnlab lab

check: $(VENV)/.lab
	@$(RUN) -m cnnlab

test: $(VENV)/.test
	$(RUN) -m pytest $(PARALLEL) $(NBVAL)

quick: $(VENV)/.test
	$(RUN) -m pytest $(PARALLEL) -m "not slow and not browser" tests cnnlab

notebooks: $(VENV)/.test
	@$(RUN) notebooks/build.py

bench: $(VENV)/.test
	@for script in benchmarks/*_speed.py benchmarks/import_time.py benchmarks/widget_latency.py; do \
	  echo "== $$script"; $(RUN) $$script || exit 1; done
	@$(RUN) benchmarks/readme_tables.py

# A machine lent for its GPU has PyTorch, and no network to install the course from.
gpu:
	@$(if $(wildcard $(RUN)),$(RUN),$(PYTHON)) benchmarks/gpu.py $(SOURCE)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis notebooks/.built.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every target makes and fills .venv by itself; nothing else on the machine is touched.
#   make help            what there is
#   make PYTHON=python3.12 test

PYTHON ?= python3
VENV   ?= .venv
DEMO   ?= demo
LOWEST ?= .venv-lowest
IMAGES ?=
WORKERS ?= 2

PAGES ?= site

BIN   := $(VENV)/bin
READY := $(VENV)/.ready
SITE  := src tests benchmarks tools

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage quick exhaustive lowest lint format bench docs lab wheel clean

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1\t/' | expand -t 10

setup: $(READY)  ## make .venv and install Striate into it, with the pinned dependencies

# setuptools comes first and from the constraints too: a build in isolation would fetch any version.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; \
	    sys.exit(0 if sys.version_info >= (3, 11) else "$(PYTHON) is Python " + v + \
	    "; Striate needs 3.11 or newer: make PYTHON=python3.12 ...")'
	@echo "Installing Striate's pinned dependencies into $(VENV): a few minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq -c constraints.txt pip setuptools
	@$(BIN)/python -m pip install -qq -c constraints.txt --no-build-isolation \
	    -e '.[dev,bulk,detect,formats,hf,pretrained,ray,serve,tensorboard,video]'
	@touch $@

demo: $(READY)  ## train on scikit-learn's digits, report, export, predict, name photographs: a minute
	rm -rf $(DEMO)
	$(BIN)/striate train digits --net lenet --out $(DEMO)/run
	$(BIN)/striate export $(DEMO)/run -o $(DEMO)/digits.onnx
	$(BIN)/python tools/demo_images.py $(DEMO)/images $(DEMO)/photographs
	$(BIN)/striate predict $(DEMO)/run $(DEMO)/images
	$(BIN)/striate create-run efficientnet_lite0 --out $(DEMO)/imagenet
	$(BIN)/striate predict $(DEMO)/imagenet $(DEMO)/photographs
	@echo
	@echo "Open $(DEMO)/run/report.html in a browser; $(DEMO)/digits.onnx runs in any ONNX engine."

# Two processes of one thread each: processes whose threads wait for each other starve on few cores.
test: $(READY)  ## every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# Counting lines costs a fifth of the time and more.
coverage: $(READY)  ## every test, and the lines that none of them runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile \
	    --cov=striate --cov-report=term:skip-covered

quick: $(READY)  ## the tests that take no more than a few seconds each
	$(BIN)/python -m pytest -m 'not slow and not browser and not exhaustive'

exhaustive: $(READY)  ## train every network of the catalogue for two steps, measure memory
	$(BIN)/python -m pytest -m exhaustive

# An environment of its own, of several gigabytes, which is removed where all is well.
lowest:  ## a choice of the tests with the oldest versions that pyproject.toml allows
	rm -rf $(LOWEST)
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install -q -c constraints-lowest.txt setuptools
	$(LOWEST)/bin/python -m pip install -q -c constraints-lowest.txt --no-build-isolation \
	    -e '.[bulk,detect,export,serve,tensorboard,timm]' pytest hypothesis
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -m 'not slow and not browser and not exhaustive' \
	    tests/support tests/evaluation tests/cli/test_anatomy.py tests/data/test_augment.py \
	    tests/data/test_decode.py tests/training/test_resume_matrix.py \
	    tests/training/test_best_weights.py tests/transfer_learning/test_heads.py \
	    tests/transfer_learning/test_transfer.py tests/deploy/test_capture.py \
	    tests/zoo/test_torchvision.py tests/test_api.py tests/cli/test_main.py \
	    tests/engines/test_sessions.py tests/inference tests/serving tests/deploy/quantise
	rm -rf $(LOWEST)

lint: $(READY)  ## ruff, mypy and the order of the rooms
	$(BIN)/ruff check $(SITE)
	$(BIN)/ruff format --check $(SITE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## let ruff put the code in shape
	$(BIN)/ruff check --fix $(SITE)
	$(BIN)/ruff format $(SITE)

bench: $(READY)  ## speed beside what people use today: training, anatomy, networks
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[bench]' --no-build-isolation
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/anatomy.py
	$(BIN)/python benchmarks/zoo.py

docs: $(READY)  ## the documentation as a site, in English and Chinese: half a minute
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[docs]' --no-build-isolation
	$(BIN)/python tools/docs.py --out $(PAGES)
	@echo "Open $(PAGES)/index.html in a browser; it needs no network."

lab: $(READY)  ## measure the claims of docs/lab again: hours; IMAGES=FOLDER of cifar10/, flowers/
	$(BIN)/python tools/lab.py run --workers $(WORKERS) $(if $(IMAGES),--images $(IMAGES))

# A tag that is not the version's is refused: make wheel TAG=v0.2.0
wheel: $(READY)  ## the wheel and the source distribution, into dist, tried where nothing else is
	$(BIN)/python tools/wheel.py dist $(TAG)

clean:  ## remove .venv, the demo, the site and every cache
	rm -rf $(VENV) $(LOWEST) $(DEMO) $(PAGES) build dist htmlcov .coverage
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/*.egg-info
	find src tests benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +

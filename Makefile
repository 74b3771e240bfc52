# Two commands on a fresh machine: `make book` and `make test`. `make help` lists the rest.

PROFILE ?= micro
PYTHON ?= python3
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
# Chapters are built side by side, each on its share of the cores; on a GPU one after the other. So are several goals:
# in `make clean book` the first is to be done before the second begins.
JOBS ?= $(if $(or $(filter paper,$(PROFILE)),$(word 2,$(MAKECMDGOALS))),1,$(CORES))
MAKEFLAGS += -j$(JOBS)
BIN := .venv/bin
BUILD := _build/$(PROFILE)
CHAPTERS := $(basename $(notdir $(wildcard book/[0-9]*.py)))
EXECUTED := $(CHAPTERS:%=$(BUILD)/executed/%.ipynb)
LIBRARY := $(shell find frugal_lib -type f -not -path '*/__pycache__/*')
RESULTS := $(word 2,$(shell grep '^results:' frugal_lib/profiles/$(PROFILE).yaml))
# Sphinx copies nothing from a folder _build, so the site has smoke's records one level up.
SITE_RESULTS := $(RESULTS:_build/%=%)
# What a page links to where its profile has no such record of its own.
LINKED := $(wildcard results/micro/*/*-speed-*.json results/micro/*/*-steps-*.json results/micro/*/*-recall-*.json \
	results/small/*/*-speed-*.json)
RECORDS := $(if $(filter smoke,$(PROFILE)),,$(shell find $(RESULTS) -name '[!.]*.json' 2>/dev/null))

.PHONY: book test verify gpu setup newest lock notebooks serve lint clean help FORCE

book: _build/html/.built ## build the site into _build/html (PROFILE=smoke|micro|paper, default micro)

test: .venv/.installed ## run the tests
	$(BIN)/python -m pytest

RERUN ?= kinds
MINUTES ?= 2
verify: .venv/.installed ## check the committed records, and compute the cheapest again (RERUN=kinds|all|, MINUTES=2|)
	$(BIN)/python -m frugal_lib verify $(if $(RERUN),--rerun $(RERUN)) $(if $(MINUTES),--minutes $(MINUTES))

gpu: .venv/.installed ## everything that needs a CUDA device, in 10 minutes, into _build/gpu/report.md
	$(BIN)/python -m frugal_lib gpu

setup: .venv/.installed ## make .venv and install the requirements as they are locked, torch first

# torch may come from an index of its own, such as one with CPU builds: torch alone, and from nowhere else, so that
# neither index can offer what is meant to come from the other.
TORCH_INDEX ?=
define with_torch
	$(1)/bin/pip install --quiet $(if $(TORCH_INDEX),--no-deps --index-url $(TORCH_INDEX)) $(2)
endef
LOCKED_TORCH := $(shell grep '^torch==' requirements.txt)

# What the requirements want in turn is locked too: a release of next year cannot break this.
.venv/.installed: requirements.txt requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "frugal-gpt2 needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(call with_torch,.venv,-c requirements.lock $(LOCKED_TORCH))
	$(BIN)/pip install --quiet -c requirements.lock -r requirements.txt
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

newest: ## make .venv with the newest versions that pyproject.toml admits, in place of the locked ones
	$(PYTHON) -m venv --clear .venv
	$(call with_torch,.venv,torch)
	$(BIN)/pip install --quiet --editable '.[book,tests]'
	touch .venv/.installed

# Without what only one platform or one build of torch has: its CUDA libraries, and the build's name behind a plus.
lock: ## write requirements.lock anew, from a fresh environment with the requirements
	$(PYTHON) -m venv --clear _build/lock
	$(call with_torch,_build/lock,$(LOCKED_TORCH))
	_build/lock/bin/pip install --quiet -r requirements.txt
	_build/lock/bin/pip freeze --all --exclude pip | sed -E 's/\+[A-Za-z0-9.]+$$//' | grep -viE '^(nvidia|cuda|triton)' > _build/lock/frozen
	{ echo '# Every package of an environment with requirements.txt, as constraints. Written by `make lock`.'; \
		cat _build/lock/frozen; } > requirements.lock

notebooks: .venv/.installed ## write each chapter's .ipynb twin anew from its .py
	$(BIN)/jupytext --update --to ipynb $(CHAPTERS:%=book/%.py)

# Smoke runs everything live: its records are made anew whenever the library changed.
FRESH := $(if $(filter smoke,$(PROFILE)),$(BUILD)/fresh)
$(BUILD)/fresh: $(LIBRARY)
	rm -rf $(RESULTS)
	@mkdir -p $(@D) && touch $@

# A chapter that fails stops the build; its notebook stays as NAME.failed.ipynb, for reading.
$(BUILD)/executed/%.ipynb: book/%.ipynb $(LIBRARY) $(RECORDS) $(FRESH) | .venv/.installed
	@mkdir -p $(@D)
	@rm -f $(@:.ipynb=.failed.ipynb)
	@$(SHARE) $(BIN)/papermill --no-progress-bar --log-level WARNING $< $(@:.ipynb=.failed.ipynb) -p profile $(PROFILE) \
		|| { echo "$<: a cell failed; read $(@:.ipynb=.failed.ipynb)" >&2; exit 1; }
	@mv $(@:.ipynb=.failed.ipynb) $@

# The threads and processes of a chapter, as torch and joblib read them: its share of the cores, or all where it is the
# last one, which is made of the records of the others and starts when they are done.
ATONCE := $(words $(wordlist 1,$(JOBS),$(CHAPTERS)))
SHARE = OMP_NUM_THREADS=1 LOKY_MAX_CPU_COUNT=$(or $(filter-out 0,$(shell expr $(CORES) / $(if $(filter 05_%,$*),1,$(ATONCE)))),1)
$(BUILD)/executed/05_what_breaks.ipynb: $(filter $(BUILD)/executed/0%,$(filter-out %/05_what_breaks.ipynb,$(EXECUTED)))

# The site shows one profile; asking for another one makes it stale.
_build/profile: FORCE
	@mkdir -p _build
	@echo $(PROFILE) | cmp -s - $@ || echo $(PROFILE) > $@

_build/html/.built: $(EXECUTED) $(wildcard book/*.md book/*.bib book/*.css book/*.js book/*.svg) _config.yml _toc.yml _build/profile
	rm -rf _build/source _build/html
	mkdir -p _build/source/book _build/source/_static _build/source/extra/$(SITE_RESULTS)
	cp _config.yml _toc.yml _build/source
	cp $(wildcard book/*.md book/*.bib) _build/source/book
	cp frugal_lib/assets/README.md _build/source/model_card.md
	cp book/book.css book/book.js book/favicon.svg _build/source/_static
	mkdir -p _build/source/extra/explore && cp book/explore.js _build/source/extra/explore
	$(BIN)/python -m frugal_lib.report.pages _build/source/book $(EXECUTED)
	$(BIN)/python -m frugal_lib.report.explore $(RESULTS) _build/source/extra/explore
	cd $(RESULTS) && find . -name '[!.]*.json' -exec cp --parents -t $(CURDIR)/_build/source/extra/$(SITE_RESULTS) {} +
	cp --parents $(LINKED) _build/source/extra
	cp --parents frugal_lib/assets/*.json frugal_lib/assets/*/training.json _build/source/extra
	$(BIN)/jupyter-book build _build/source --path-output . -W -n --keep-going
	$(BIN)/python -m frugal_lib.report.site _build/html
	@test $$(find _build/html/book -name '*.html' | wc -l) -eq $(words $(CHAPTERS) $(wildcard book/*.md)) \
		|| { echo "the site does not have a page for each of: $(CHAPTERS) $(wildcard book/*.md)" >&2; exit 1; }
	touch $@

serve: book ## build, then serve the site on http://localhost:8000
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

lint: .venv/.installed ## check style, and who imports whom
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

clean: ## remove everything that was built; committed records and .venv stay
	rm -rf _build

help: ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

# Every target is a line or two that calls a tool; README.md gives the same steps without make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# uv uses all cores. Where it finds no packages, as behind an index that only pip was told of, pip does.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python -r $(1) -c requirements.lock \
  || $(PIP) -r $(1) -c requirements.lock
# One chapter's part of the tests:  make test CH=02-cv      One lab:  make run LAB=book/…-lab.ipynb
CH ?=
LAB ?=
# Benchmark data for the full profile, where it is at hand (see "Data" in README.md).
export COURSE_DATA ?= $(wildcard $(abspath ../shared/data))
# Python keeps what it compiles, whatever the machine is set to: else each process compiles all anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: book site lab test variants mutation run seeds bench lock vendor clean

book: site
	@if [ -z "$$CI" ] && { [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; }; then \
	  $(BIN)/python -m webbrowser "file://$(CURDIR)/_build/html/index.html"; fi
	@echo "The book is at $(CURDIR)/_build/html/index.html"

site: .venv/site
	$(BIN)/jupyter-book build . --warningiserror --nitpick --keep-going --quiet

lab: .venv/all
	$(BIN)/python -m jupyter lab book

# The website is built while the rest is installed.
test: .venv/site
	@$(MAKE) --no-print-directory -j2 .venv/browser site
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests book/$(CH) --chapter="$(CH)" \
	  --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 600 \
	  --forked-kernels -n 2 --dist loadscope --no-loadscope-reorder

# The labs once more on the plainest processor, on another, and with two threads; and the tests at
# length: every lab in JupyterLab and in the full profile, every page as a phone opens it.
variants: .venv/browser site
	for cpu in default avx2; do for threads in 1 2; do \
	  ATEN_CPU_CAPABILITY=$$cpu OMP_NUM_THREADS=$$threads $(BIN)/python -m pytest book/$(CH) --nbval \
	  --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 600 || exit 1; done; done
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests --thorough --chapter="$(CH)" \
	  -n 2 --dist loadscope --no-loadscope-reorder

# Small mistakes in every solution, made mechanically: does its check notice each?
mutation: .venv/all
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/exercises/test_mutation.py --mutate=all \
	  --chapter="$(CH)" -n 2

run: .venv/all
	$(BIN)/python tools/run.py $(LAB)

seeds: .venv/all
	$(BIN)/python tools/run.py --seeds 5 $(LAB)

bench: .venv/all site
	$(BIN)/python tools/bench.py

lock: .venv/site
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 requirements.txt \
	  --output-file requirements.lock --custom-compile-command "make lock"

# Only to change a version of a vendored file: see THIRD_PARTY.md.
vendor: .venv/all
	$(BIN)/python tools/vendor.py

clean:
	rm -rf _build .venv

.venv/site: requirements-site.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else \
	  "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version + ": make book PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) $(shell grep ^uv== requirements-site.txt)
	$(call install,requirements-site.txt)
	@touch $@

.venv/all: .venv/site requirements.txt
	$(call install,requirements.txt)
	@touch $@

# The browser that the tests drive: the system's own, or Debian's, or the one Playwright brings.
.venv/browser: .venv/all
	command -v chromium || command -v google-chrome || apt-get install -y -qq chromium \
	  || (apt-get update -qq && apt-get install -y -qq chromium) || $(BIN)/playwright install chromium
	@touch $@

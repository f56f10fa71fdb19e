# make build       environment in .venv (command: .venv/bin/cnnscore), native code built
# make install     into PREFIX: the command with its manual and completion, library, header, pkg-config file,
#                  bcftools plugin and (after `make gatk`) GATK's jar; `make uninstall` removes them. All of it
#                  runs from PREFIX/lib/cnnscore: the clone may go, and PREFIX be moved
# make gatk        the GATK walker: .make/gatk/cnnscore-gatk.jar, with a GATK from Maven beside it
# make dist        into dist/: source distribution, and a wheel with all doors for each Python here
# make check-dist  installs each wheel of dist/ outside the clone: one digest at all doors, in the newest bcftools
#                  too, as fast, and it trains; `make install` in a tree of its own. `make check-sdist` has `make test-core`
#                  in the source distribution, without git; `make check-lowest` tests with the lowest versions of all
#                  packages, `make check-debian` has `make demo` in a Debian 12 with nothing in it, and
#                  `make constraints` renews the versions of CI
# make release-check  after `make dist`: version, tag, changelog, what the wheels hold, and that they come twice the same
# make demo        the main job on a small data set that ships here
# make test        everything the tests need, then all tests
# make test-core   the same without GATK's jar and PyTorch
# make docs        the documentation as a site: .make/docs/index.html
# make lint        ruff, mypy, pyright, clang-format, hadolint, doxygen, gcc and clang with -Werror
# make asan        native code under AddressSanitizer, and the fuzzers, a minute each
# make fuzz        damaged files of 13 kinds at the command and the plugin: 1,000 mutations of each,
#                  or as FUZZ="bam --mutations 200 --seed 7" says
# make kill        every kind of run, ended by each signal at 30 moments and after each step with a file: an hour
# make tsan        native code under ThreadSanitizer: C ABI, plugin, readers with several files
# make bundled-models  the networks that ship, simulated and trained anew; `make accuracy` then
#                  compares them with GATK's; `make cohorts` simulates cohorts, calls them together,
#                  sets the cut-offs of sites, and compares the scores with VQSR's, QUAL, QD and GQ
# make bench-data  data for `make bench`, the figures of docs/how-it-works/performance.md
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build
.PHONY: bundled-models accuracy cohorts build install gatk demo docs pictures test test-tools test-core lint lint-python lint-native lint-tools format asan fuzz kill tsan bench-data bench clean dist check-dist check-sdist check-lowest check-debian constraints release-check uninstall

PYTHON ?= python3
BIN := .venv/bin
WORK := .make
NATIVE := $(wildcard native/*/*.c native/*/*.h) native/build_native.py native/htslib.py
GATK_VERSION := 4.6.0.0
GATK_JAR := $(WORK)/gatk-$(GATK_VERSION).jar
# GATK whole, for tests that run it: depend on $(GATK), find the folder of its jars in CNNSCORE_GATK and
# start it with `java -cp "$CNNSCORE_GATK/*" org.broadinstitute.hellbender.Main TOOL ...`.
GATK := $(WORK)/gatk-4.6.2.0/ready
export CNNSCORE_GATK := $(CURDIR)/$(patsubst %/,%,$(dir $(GATK)))
# Older releases that the walker runs in: its tests look for them beside that one.
OLD_GATKS := $(patsubst %,$(WORK)/gatk-%/ready,4.5.0.0 4.6.0.0)
WALKER := $(WORK)/gatk/cnnscore-gatk.jar
export CNNSCORE_WALKER := $(CURDIR)/$(WALKER)
JAVA := $(shell find plugin/gatk/src -name '*.java') $(wildcard tests/gatk/*.java)
JAVA_FORMAT := $(WORK)/google-java-format-1.22.0-all-deps.jar
MODELS := $(WORK)/models/gatk-2d.onnx
export CNNSCORE_MODELS := $(CURDIR)/$(WORK)/models
PREFIX ?= /usr/local
LIBRARY := $(WORK)/lib/libcnnscore.so
PLUGIN := $(WORK)/plugins/cnnscore.so

# Debian packages that a probe command finds missing: installed when root (by the lists that there are, or new ones), else
# named.
need = { $(1); } >/dev/null 2>&1 || { \
  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || \
    { echo "missing Debian packages: $(2). Install them and repeat." >&2; exit 1; }; \
  echo "installing $(2)"; \
  get() { DEBIAN_FRONTEND=noninteractive apt-get -qq install -y $(2); }; \
  { get || { apt-get -qq update && get; }; } >$(WORK)/apt.log 2>&1 || { tail -20 $(WORK)/apt.log >&2; exit 1; }; }

# ---- set-up ----

build: $(WORK)/built $(PLUGIN)

$(WORK)/apt-build:
	@mkdir -p $(WORK)
	@$(call need,test -e /usr/include/htslib/vcf.h && command -v gcc,build-essential libhts-dev)
	@$(call need,$(PYTHON) native/probe_python.py,python3-venv python3-dev)
	@touch $@

$(WORK)/apt-test: $(WORK)/apt-build
	@$(call need,command -v bcftools && command -v samtools && command -v bwa && command -v freebayes && command -v openssl && command -v zsh && command -v groff,\
	  bcftools samtools bwa freebayes openssl zsh groff-base)
	@touch $@

$(WORK)/apt-web: $(WORK)/apt-build
	@$(call need,command -v chromium,chromium fonts-dejavu-core --no-install-recommends)
	@touch $@

$(WORK)/apt-lint: $(WORK)/apt-build
	@$(call need,command -v clang && command -v clang-format && command -v valgrind && command -v doxygen,clang clang-format valgrind doxygen)
	@touch $@

$(WORK)/apt-bench: $(WORK)/apt-test
	@$(call need,command -v art_illumina && command -v tabix,art-nextgen-simulation-tools tabix)
	@touch $@

$(WORK)/venv: pyproject.toml $(WORK)/apt-build
	@echo "making the Python environment in .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip -q install --disable-pip-version-check --upgrade pip
	@touch $@

$(WORK)/built: $(NATIVE) setup.py pyproject.toml $(WORK)/venv
	@echo "building the native code and installing cnnscore into .venv"
	@$(BIN)/python -m pip -q install --disable-pip-version-check -e '.[test,lint,docs,view,evaluate,cluster]'
	@touch $@

# PyTorch is 5 GB: for the tests of training, and for the recipe of the bundled networks.
$(WORK)/train: pyproject.toml $(WORK)/built
	@echo "installing the train extra: PyTorch, minutes"
	@$(BIN)/python -m pip -q install --disable-pip-version-check 'cnnscore[train]'
	@touch $@

# Snakemake, cwltool and miniwdl bring 50 packages: they have an environment of their own.
ENGINES := $(WORK)/engines/ready
$(ENGINES): tests/workflows/engines.txt $(WORK)/venv
	@echo "installing workflow engines, for tests"
	@$(PYTHON) -m venv $(@D)
	@env -u PIP_CONSTRAINT $(@D)/bin/python -m pip -q install --disable-pip-version-check -r $<
	@touch $@

NEXTFLOW := $(WORK)/nextflow/ready
$(NEXTFLOW): tests/workflows/pom.xml
	@command -v mvn >/dev/null || { echo "missing: Maven, which brings Nextflow" >&2; exit 1; }
	@mvn -q -B -ntp -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(CURDIR)/$(@D)"
	@touch $@

$(LIBRARY): $(NATIVE) native/build_shim.py python/cnnscore/shim.py $(WORK)/built
	@$(BIN)/python native/build_shim.py $(@D)

$(PLUGIN): $(LIBRARY) $(NATIVE) $(wildcard plugin/bcftools/*)
	@$(MAKE) -s -C plugin/bcftools OUT=../../$@ LIBRARY=../lib/libcnnscore.so

# An environment of its own in PREFIX/lib/cnnscore, and links into it: none names the clone, all are relative.
INTO = $(strip $(call one_path,DESTDIR)$(call one_path,PREFIX))
# `rm -rf` comes with it: to make, a space is the end of a name; to the shell, these are no letters.
SHELL_SIGNS := ~ $$ ` ' " \ ; & | < > ( ) [ ] { } * ? ! \#
one_path = $(if $(strip $(foreach sign,$(SHELL_SIGNS),$(findstring $(sign),$($1))) $(word 2,$($1))),$(error \
  $1=$($1): give a path without spaces and without $(SHELL_SIGNS)),$($1))
INSTALLED := bin/cnnscore lib/libcnnscore.so lib/pkgconfig/cnnscore.pc include/cnnscore.h libexec/bcftools/cnnscore.so \
  share/cnnscore/cnnscore-gatk.jar share/bash-completion/completions/cnnscore share/zsh/site-functions/_cnnscore

install: build
	@install -d $(sort $(addprefix $(INTO)/,$(dir $(INSTALLED)) share/man/man1))
	@rm -rf $(INTO)/lib/cnnscore && $(PYTHON) -m venv $(INTO)/lib/cnnscore
	@$(INTO)/lib/cnnscore/bin/python -m pip -q install --disable-pip-version-check '.[view,evaluate]'
	@printf '#!/bin/sh\nexec "$$(dirname "$$(realpath "$$0")")/../lib/cnnscore/bin/python" -P -m cnnscore "$$@"\n' \
	  >$(INTO)/bin/cnnscore && chmod 755 $(INTO)/bin/cnnscore
	@package=$$(echo $(INTO)/lib/cnnscore/lib/python3*/site-packages/cnnscore); \
	  link() { [ ! -e "$$package/$$1" ] || ln -srf "$$package/$$1" "$(INTO)/$$2"; }; \
	  link lib/libcnnscore.so lib/; link lib/pkgconfig/cnnscore.pc lib/pkgconfig/; link include/cnnscore.h include/; \
	  link lib/bcftools/cnnscore.so libexec/bcftools/; link lib/gatk/cnnscore-gatk.jar share/cnnscore/
	@$(INTO)/bin/cnnscore completion bash >$(INTO)/share/bash-completion/completions/cnnscore
	@$(INTO)/bin/cnnscore completion zsh >$(INTO)/share/zsh/site-functions/_cnnscore
	@$(INTO)/lib/cnnscore/bin/python -P -m cnnscore.cli.man $(INTO)/share/man/man1
	@echo "installed; export BCFTOOLS_PLUGINS=$(PREFIX)/libexec/bcftools:"

uninstall:
	@rm -f $(addprefix $(INTO)/,$(INSTALLED)) $(INTO)/share/man/man1/cnnscore.1 $(INTO)/share/man/man1/cnnscore-*.1
	@rm -rf $(INTO)/lib/cnnscore
	@for folder in $(INTO)/share/cnnscore $(INTO)/libexec/bcftools; do rmdir "$$folder" 2>/dev/null || true; done

$(GATK_JAR): $(WORK)/apt-build
	@command -v mvn >/dev/null || { echo "missing: Maven, which brings GATK's jar" >&2; exit 1; }
	@echo "fetching GATK $(GATK_VERSION), whose jar holds the networks"
	@mvn -q -B dependency:copy -Dartifact=org.broadinstitute:gatk:$(GATK_VERSION) \
	  -DoutputDirectory="$(CURDIR)/$(WORK)" -Dmdep.useBaseVersion=true
	@touch $@

$(WORK)/gatk-%/ready: plugin/gatk/pom.xml
	@command -v mvn >/dev/null || { echo "missing: Maven, which brings GATK" >&2; exit 1; }
	@echo "fetching GATK $* and what it needs (0.4 GB)"
	@rm -rf $(@D)
	@mvn -q -B -ntp -f plugin/gatk/pom.xml dependency:copy-dependencies -Dgatk.version=$* \
	  -DincludeScope=provided -DoutputDirectory="$(CURDIR)/$(@D)"
	@touch $@

# One jar that stands for GATK's 367, for command lines and for the walker's own Class-Path.
$(WORK)/gatk/gatk.jar: $(GATK)
	@mkdir -p $(@D)
	@{ echo 'Class-Path: gatk.jar'; cd $(<D); printf '  ../gatk-4.6.2.0/%s\n' *.jar; } >$(@D)/manifest
	@jar --create --file $@ --manifest $(@D)/manifest

$(WALKER): $(filter plugin/%,$(JAVA)) plugin/gatk/pom.xml native/include/cnnscore.proto
	@command -v mvn >/dev/null || { echo "missing: Maven, which builds the GATK walker" >&2; exit 1; }
	@echo "building the GATK walker"
	@mvn -q -B -ntp -f plugin/gatk/pom.xml package -DskipTests -Dbuild.folder="$(CURDIR)/$(@D)" \
	  -Drevision=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' python/cnnscore/version.py)

gatk: $(WALKER) $(WORK)/gatk/gatk.jar

$(WORK)/dist-tools: pyproject.toml $(WORK)/built
	@$(BIN)/python -m pip -q install --disable-pip-version-check 'cnnscore[dist]'
	@touch $@

# Minutes: htslib of release wheels, from source.
HTSLIB := $(WORK)/htslib/components
$(HTSLIB): native/build_htslib.sh | $(WORK)/dist-tools
	@$(call need,test -e /usr/include/libdeflate.h -a -e /usr/include/openssl/ssl.h -a -e /usr/include/bzlib.h,\
	  libdeflate-dev libssl-dev zlib1g-dev libbz2-dev liblzma-dev)
	@echo "building htslib for wheels, and libcurl for it"
	@bash native/build_htslib.sh $(@D)

dist: $(WALKER) $(WORK)/dist-tools $(HTSLIB)
	@bash native/make_dist.sh dist

check-dist: build $(WORK)/apt-test gatk dist
	@bash tests/wheel/build_bcftools.sh $(WORK)/bcftools-new
	@for wheel in dist/*.whl; do bash tests/wheel/one_digest.sh "$$wheel"; done
	@bash tests/wheel/install_tree.sh
	@bash tests/wheel/cpu_only.sh dist/*-cp$$($(BIN)/python -c 'import sys; print("%d%d" % sys.version_info[:2])')-*.whl

check-sdist: $(WORK)/dist-tools
	@bash tests/wheel/unpacked.sh

check-lowest: $(WORK)/dist-tools
	@bash tests/wheel/lowest.sh

check-debian:
	@bash tests/wheel/bare_debian.sh

# All versions of what .ci/run installs (PIP_CONSTRAINT): the newest of today, when they are renewed.
constraints: $(WORK)/dist-tools
	@$(BIN)/uv pip compile -q --upgrade --all-extras --python-version 3.11 --no-emit-package cnnscore --no-annotate \
	  --custom-compile-command 'make constraints' pyproject.toml -o constraints.txt

release-check: $(WORK)/dist-tools $(HTSLIB)
	@$(BIN)/python tests/wheel/release_check.py dist

$(MODELS): $(GATK_JAR) $(WORK)/built $(addprefix python/cnnscore/network/,keras_import.py keras_graph.py graph_builder.py)
	@$(BIN)/cnnscore model import $(GATK_JAR)

# ---- the main job ----

DEMO := tests/data/synthetic

demo: build
	@set -x; $(BIN)/cnnscore score $(DEMO)/calls.vcf.gz -R $(DEMO)/ref.fa -I $(DEMO)/reads.bam \
	  -o $(WORK)/scored.vcf.gz -W && \
	$(BIN)/cnnscore filter $(WORK)/scored.vcf.gz -o $(WORK)/demo.vcf.gz -W
	@echo; echo "Real variants and artefacts ($(WORK)/demo.vcf.gz):"
	@$(BIN)/python tests/data/demo_result.py $(WORK)/demo.vcf.gz $(DEMO)/truth.vcf.gz

# ---- documentation ----

docs: $(WORK)/built
	@$(BIN)/python docs/site/make_site.py $(WORK)/docs
	@echo "$(WORK)/docs/index.html"

# The pictures of pages in the documentation, anew.
pictures: $(WORK)/built $(WORK)/apt-web
	@CNNSCORE_CHROMIUM=$$(command -v chromium) $(BIN)/python tests/web/pictures.py docs/tasks

# ---- tests ----

export CNNSCORE_LIBRARY := $(CURDIR)/$(LIBRARY)
export CNNSCORE_PLUGIN_DIR := $(CURDIR)/$(WORK)/plugins

# What tests need beside Python's packages: GATK, workflow engines, a browser.
test-tools: $(ENGINES) $(NEXTFLOW) gatk $(MODELS) $(OLD_GATKS) $(WORK)/apt-test $(WORK)/apt-web

# Files of tests are shared out to processes, in this order: folders of long ones first, so that all end together.
# One process more than there are cores, up to 8, as tests wait for a browser, a JVM, a kill.
# tests/seam loads libcnnscore into its own Python, so it has one to itself, beside them.
PROCESSES := $(shell n=$$(nproc); echo $$((n < 8 ? n + 1 : 8)))
LONG := $(addprefix tests/,web gatk kill train fuzz serve wheel workflows cli)
OTHERS := $(filter-out $(LONG) tests/seam,$(sort $(patsubst %/,%,$(dir $(wildcard tests/*/test_*.py)))))
tests = $(BIN)/python -m pytest tests/seam >$(WORK)/seam.log 2>&1 & seam=$$!; \
  $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(LONG) $(OTHERS) && status=0 || status=1; \
  wait "$$seam" || status=1; cat $(WORK)/seam.log; exit $$status
test: build $(WORK)/train test-tools
	@export CNNSCORE_CHROMIUM=$$(command -v chromium) CNNSCORE_GATK_JAR="$(CURDIR)/$(GATK_JAR)" CNNSCORE_TEST_ALL=1; $(tests)

test-core: build $(WORK)/apt-test
	@export CNNSCORE_MODELS=; $(tests)

C_FLAGS := -std=gnu11 -Wall -Wextra -Werror -Wconversion -Wshadow \
  -Inative/include -Inative/window -Inative/records -Inative/encode -Inative/shim \
  $(foreach name,LIBRARY VERSION PYTHON_VERSION LIBPYTHON MULTIARCH ENVIRONMENT,-DCNNSCORE_$(name)='""')

$(JAVA_FORMAT):
	@command -v mvn >/dev/null || { echo "missing: Maven, which brings google-java-format" >&2; exit 1; }
	@mvn -q -B -ntp dependency:copy -DoutputDirectory="$(CURDIR)/$(WORK)" \
	  -Dartifact=com.google.googlejavaformat:google-java-format:1.22.0:jar:all-deps
	@touch $@

# npm installs biome's own binary with it: 46 MB.
BIOME := $(WORK)/biome-2.6.8/node_modules/.bin/biome
$(BIOME): $(WORK)/apt-build
	@command -v npm >/dev/null || { echo "missing: npm and Node.js, which bring biome" >&2; exit 1; }
	@echo "installing biome, the linter of the JavaScript"
	@mkdir -p $(WORK)/biome-2.6.8
	@npm install --silent --no-audit --no-fund --no-save --prefix $(WORK)/biome-2.6.8 @biomejs/biome@2.6.8
	@touch $@

# npm, as PyPI's pyright fetches its Node.js by itself.
PYRIGHT := $(WORK)/pyright-1.1.414/node_modules/.bin/pyright
$(PYRIGHT): $(WORK)/apt-build
	@command -v npm >/dev/null || { echo "missing: npm and Node.js, which bring pyright" >&2; exit 1; }
	@echo "installing pyright, which checks what users of the API see of its types"
	@mkdir -p $(WORK)/pyright-1.1.414
	@npm install --silent --no-audit --no-fund --no-save --prefix $(WORK)/pyright-1.1.414 pyright@1.1.414
	@touch $@

java_format = java $(addprefix --add-exports=jdk.compiler/com.sun.tools.javac.,api=ALL-UNNAMED \
  code=ALL-UNNAMED file=ALL-UNNAMED parser=ALL-UNNAMED tree=ALL-UNNAMED util=ALL-UNNAMED) \
  -jar $(JAVA_FORMAT) $(1) $(JAVA)

lint-tools: $(WORK)/apt-lint $(JAVA_FORMAT) $(BIOME) $(PYRIGHT)

lint: lint-python lint-native
lint-python: $(WORK)/built lint-tools
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(PYRIGHT) --warnings --pythonpath $(BIN)/python tests/api/typed_caller.py
	@$(BIN)/python tests/web/join_scripts.py $(WORK)/lint && $(BIOME) lint --error-on-warnings
	@$(BIN)/hadolint plugin/packaging/Dockerfile

lint-native: $(WORK)/built lint-tools
	@clang-format --dry-run -Werror $$(git ls-files '*.[ch]')
	@$(call java_format,--dry-run --set-exit-if-changed)
	@doxygen native/Doxyfile
	@headers=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["include"])'); \
	for compiler in gcc clang; do for file in native/*/*.c plugin/bcftools/*.c; do \
	  $$compiler $(C_FLAGS) -isystem $$headers -O2 -fsyntax-only "$$file"; done; done

format: $(WORK)/built $(WORK)/apt-lint $(JAVA_FORMAT)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@clang-format -i $$(git ls-files '*.[ch]')
	@$(call java_format,-i)

asan: build $(WORK)/apt-lint $(WORK)/apt-test $(MODELS)
	@CNNSCORE_GATK_JAR="$(CURDIR)/$(GATK_JAR)" bash tests/native/asan.sh

FUZZ ?=
fuzz: build $(WORK)/apt-test
	@$(BIN)/python tests/fuzz/run.py $(FUZZ)

kill: build $(WORK)/train gatk $(WORK)/apt-test
	@$(BIN)/python tests/kill/kill.py
	@$(BIN)/python tests/kill/cluster.py

tsan: build $(WORK)/apt-test
	@bash tests/native/tsan.sh

# ---- figures ----

bench-data: $(WORK)/built $(WORK)/apt-bench
	@$(BIN)/python tests/bench/make_data.py bench-data --large

bench: build bench-data $(MODELS) gatk
	@status=0; for claim in startup speed precision feed python_api reader readset plugin server gatk memory long_reads filter evaluate cohort many_sites peers; do CNNSCORE_GATK_JAR="$(CURDIR)/$(GATK_JAR)" \
	  $(BIN)/python tests/bench/$$claim.py bench-data || status=1; done; exit $$status

# The networks that ship, made anew: hours (python/recipes/bundled-models/README.md).
$(WORK)/recipe: $(WORK)/apt-bench
	@$(BIN)/python -m pip -q install --disable-pip-version-check -e '.[train,evaluate,recipe]'
	@touch $@

# By default 100 jobs may start in a second, and all jobs are looked at again a second later, once more for each that
# started: most of a core after a while. A minute later costs little, and as much at the end.
SNAKEMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake -c2 --max-jobs-per-timespan 100000/60s

bundled-models: build $(MODELS) $(GATK) $(WORK)/recipe
	@$(SNAKEMAKE) --scheduler greedy \
	  -s python/recipes/bundled-models/Snakefile -d bench-data/networks install

accuracy: build $(MODELS) $(GATK) $(WORK)/recipe
	@$(BIN)/python tests/bench/accuracy.py bench-data/networks

cohorts: build gatk $(WORK)/recipe
	@$(SNAKEMAKE) -s python/recipes/bundled-models/cohorts.smk -d bench-data/cohorts
	@$(BIN)/python python/recipes/bundled-models/site_cutoffs.py bench-data/cohorts
	@$(BIN)/python tests/bench/cohort_accuracy.py bench-data/cohorts

clean:
	@rm -rf .venv $(WORK) build dist python/*.egg-info python/cnnscore/*.so native/_*.c

# Sluice. `make help` lists the targets.
# Written for GNU make 3.81, which is what macOS still ships.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The version in the binaries. The date is the commit's, so that a second build of the
# same tree links nothing.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --verify --quiet HEAD 2>/dev/null)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null)
pkg     := github.com/sluicehq/sluice/internal/version
stamp   := -X $(pkg).Version=$(VERSION) -X $(pkg).Commit=$(COMMIT) -X $(pkg).Date=$(DATE)

TESTFLAGS ?= -timeout=30m
FUZZTIME  ?= 20s
BENCHARGS ?=
MIXED_IMPORTS ?= 2000
MIXED_JOBS    ?= 20000
MIXED_KILLS   ?= 12
SYNC_KILLS    ?= 100
INGEST_KILLS  ?= 100
PKG       ?= ./...
ONCE      ?=
STATE     ?= state/state.json
WATCHARGS ?=

bin     := bin
dev     := ./$(bin)/sluice-dev
engines := devstack/engines/node_modules/.installed
refdata := refdata/node_modules/.installed
tracker := browser/npm/node_modules/.installed
scripts := server/pages/npm/node_modules/.installed

export TESTFLAGS FUZZTIME PKG

.PHONY: help
help: ## List the targets
	@if [ -t 1 ]; then c='\033[36m'; r='\033[0m'; else c=; r=; fi; \
	grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | while IFS= read -r line; do \
		printf "  $$c%-16s$$r %s\n" "$${line%%:*}" "$${line##*## }"; \
	done

##
## Build and run
##

.PHONY: doctor
doctor: ## Check that go, gcc, make and npm are installed and recent enough
	@tools/doctor.sh

.PHONY: build
build: doctor build-sluice build-dev ## Build bin/sluice and bin/sluice-dev

# Neither target is a file: the go command knows better than make what changed.
.PHONY: build-sluice
build-sluice: $(scripts) ## Build bin/sluice only
	@mkdir -p $(bin)
	go build -tags assets -ldflags '$(stamp)' -o $(bin)/sluice ./cmd/sluice

.PHONY: build-dev
build-dev: $(scripts) ## Build bin/sluice-dev only (the first build takes minutes)
	@mkdir -p $(bin)
	cd devstack && go build -tags assets -ldflags '-s -w $(stamp)' -o ../$(bin)/sluice-dev ./cmd/sluice-dev

# The scripts of the pages: a build with the tag assets has them inside.
$(scripts): server/pages/npm/package-lock.json
	@tools/doctor.sh
	cd server/pages/npm && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: engines
engines: $(engines) ## Install the PostgreSQL and ClickHouse engines for one machine

# npm ci installs the versions of the lock file, or fails. It runs again after a change of
# the lock file.
$(engines): devstack/engines/package-lock.json
	@tools/doctor.sh
	cd devstack/engines && npm ci --no-audit --no-fund
	@touch $@

.PHONY: refdata
refdata: $(refdata) ## Install the reference data of the ingestion: bots, countries of addresses

$(refdata): refdata/package-lock.json
	@tools/doctor.sh
	cd refdata && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: browser
browser: $(tracker) ## Install Debian's Chromium if there is no browser (as root), and what tests load into it
	@tools/browser.sh install

$(tracker): browser/npm/package-lock.json
	@tools/doctor.sh
	cd browser/npm && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

.PHONY: demo
demo: doctor engines refdata build ## Run everything on this machine with sample data (ONCE=1 exits when done)
	$(dev) demo $(if $(filter 1 true yes,$(ONCE)),--once)

.PHONY: demo-sync
demo-sync: doctor engines build ## Show list sync on fakes of Mailchimp and Ometria (MEMBERS, CHANGES)
	SLUICE_BIN=$(abspath $(bin))/sluice $(dev) exec --worker -- tools/demo-sync.sh

.PHONY: sync-watch
sync-watch: build-sluice ## Keep the lists of a state file in sync, beside sluice-dev up (STATE, WATCHARGS)
	./$(bin)/sluice sync watch --state-file "$(STATE)" $(WATCHARGS)

.PHONY: version
version: build-sluice ## Print the version
	@./$(bin)/sluice version

##
## Check
##

.PHONY: test
test: doctor engines build $(tracker) $(refdata) ## Run every test of every module (TESTFLAGS, PKG)
	@tools/test.sh

.PHONY: test-race
test-race: doctor engines build $(tracker) $(refdata) ## Run every test under the race detector
	@TESTFLAGS="-race $(TESTFLAGS)" tools/test.sh

.PHONY: test-stress
test-stress: doctor engines build ## Repeat the tests that could race, under load (STRESS_COUNT)
	@tools/stress.sh

.PHONY: soak
soak: doctor engines build ## Kill everything at full size (INGEST_KILLS, MIXED_IMPORTS, MIXED_JOBS, MIXED_KILLS, SYNC_KILLS)
	KILLTEST_INGEST_KILLS=$(INGEST_KILLS) KILLTEST_SYNC_KILLS=$(SYNC_KILLS) \
	KILLTEST_MIXED_IMPORTS=$(MIXED_IMPORTS) KILLTEST_MIXED_JOBS=$(MIXED_JOBS) KILLTEST_MIXED_KILLS=$(MIXED_KILLS) \
	go -C devstack test ./killtest -run '^TestKill(Ingest|Mixed|Sync)$$' -count=1 -v -timeout 90m

.PHONY: fuzz
fuzz: doctor ## Run each fuzz target for FUZZTIME (20s)
	@tools/fuzz.sh

.PHONY: bench-import
bench-import: doctor engines build ## Measure the speed of an import (BENCHARGS)
	$(dev) exec -- go -C bench run ./cmd/bench-import $(BENCHARGS)

.PHONY: bench-ga4
bench-ga4: doctor ## Measure the Google Analytics 4 importer
	go test ./importers/googleanalytics4 -run '^$$' -bench '^BenchmarkRead$$' -count 3

.PHONY: bench-lifecycle
bench-lifecycle: doctor engines build ## Measure imports without data (BENCHARGS)
	$(dev) exec -- go -C bench run ./cmd/bench-lifecycle $(BENCHARGS)

.PHONY: bench-jobs
bench-jobs: doctor engines build-dev ## Measure deliveries by Sluice and by River (BENCHARGS)
	$(dev) exec -- go -C bench run ./cmd/bench-jobs $(BENCHARGS)

.PHONY: bench-sync
bench-sync: doctor engines build ## Measure list sync at and above Ometria's rate, and of 1,000 lists (BENCHARGS)
	$(dev) exec -- go -C bench run ./cmd/bench-sync $(BENCHARGS)

.PHONY: bench-ingest
bench-ingest: doctor engines refdata build-dev ## Measure the ingestion of events (BENCHARGS)
	$(dev) exec -- go -C bench run ./cmd/bench-ingest $(BENCHARGS)

.PHONY: bench-api
bench-api: doctor engines build-dev ## Measure the REST API and the pages with a million jobs (BENCHARGS)
	$(dev) exec -- go -C bench run ./cmd/bench-api $(BENCHARGS)

.PHONY: lint
lint: doctor lint-tools ## Check formatting, words, style, workflows, generated code and known vulnerabilities
	@tools/lint.sh

.PHONY: fmt
fmt: $(bin)/tools/gofumpt $(bin)/tools/golangci-lint ## Format all Go code
	@set -e; tools/modules.sh | while IFS= read -r module; do \
		(cd "$$module" && "$(CURDIR)/$(bin)/tools/golangci-lint" fmt --config "$(CURDIR)/.golangci.yml"); \
	done

.PHONY: generate
generate: $(bin)/tools/sqlc ## Generate the code of the store's queries
	$(bin)/tools/sqlc generate --file store/sqlc.yaml

.PHONY: tidy
tidy: ## Tidy every module
	@set -e; find . -name go.mod -not -path '*/node_modules/*' -print | while IFS= read -r mod; do \
		echo "$${mod%/go.mod}"; (cd "$${mod%/go.mod}" && go mod tidy); \
	done

.PHONY: compose-config
compose-config: $(refdata) ## Validate docker-compose.yml, its scripts and the Dockerfile (needs no Docker)
	cd deploy/composetest && go test ./...

.PHONY: clean
clean: ## Remove build results, installed engines, reference data and npm packages
	rm -rf $(bin) devstack/engines/node_modules refdata/node_modules browser/npm/node_modules \
		server/pages/npm/node_modules

##
## Tools: each is pinned in a go.mod and built once. golangci-lint and sqlc have
## modules of their own, so that one tool does not change the versions of another.
##

.PHONY: lint-tools
lint-tools: $(addprefix $(bin)/tools/,gofumpt golangci-lint workflowcheck sqlc govulncheck) ## Build the tools that lint needs

# build-tool <folder> <package>
define build-tool
	@echo "building $(@F)"
	@mkdir -p $(bin)/tools
	@cd $(1) && go build -trimpath -o $(CURDIR)/$@ $(2)
endef

$(bin)/tools/gofumpt: tools/go.mod
	$(call build-tool,tools,mvdan.cc/gofumpt)
$(bin)/tools/workflowcheck: tools/go.mod
	$(call build-tool,tools,go.temporal.io/sdk/contrib/tools/workflowcheck)
$(bin)/tools/govulncheck: tools/go.mod
	$(call build-tool,tools,golang.org/x/vuln/cmd/govulncheck)
$(bin)/tools/golangci-lint: tools/golangci-lint/go.mod
	$(call build-tool,tools/golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
$(bin)/tools/sqlc: tools/sqlc/go.mod
	$(call build-tool,tools/sqlc,github.com/sqlc-dev/sqlc/cmd/sqlc)
# Nothing above needs it, because it takes minutes and has a Temporal server inside. With
# it, the documents' command lines are run by the real program:
#   make bin/tools/temporal && SLUICE_TEMPORAL_CLI=$PWD/bin/tools/temporal make test PKG=./docs/signals
# 1.5.1 is the last release that can be built as a dependency.
$(bin)/tools/temporal: tools/temporal/go.mod
	$(call build-tool,tools/temporal,github.com/temporalio/cli/cmd/temporal)

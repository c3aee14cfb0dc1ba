# Two commands matter: `make demo` and `make test`. Each does all of its own set-up.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Where it is set, each of the hundreds of programs that the tests start compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

CACHE := $(or $(FLASH_FIREWALL_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flash-ticket-firewall)
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' .ci/uv.txt)
PYTHON := .venv/bin/python

.PHONY: help demo test check audit fmt reference lab test-faults bench tools promtool browser packets test-packets node-packages docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: .venv/ready node-packages ## Preview, deploy, change and destroy dev and prod on the lab
	@$(PYTHON) -m lab demo

test: node-packages tools promtool browser ## Run every test, on the real engine too
	@$(PYTHON) -m pytest -n auto

check: .venv/ready ## Check types and style, and run the tests that need no engine
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy && $(PYTHON) -m pytest -m 'not engine'

audit: .venv/ready ## Check each dependency's hash, and ask for known vulnerabilities
	@$(PYTHON) -m pytest -q tests/test_dependencies.py
	@uv=$$(command -v uv || echo "$(CACHE)/uv-$(UV_VERSION)/bin/uv"); $(PYTHON) .ci/audit.py "$$uv"

docs: .venv/ready ## Build the site of the documentation into .site
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=. $(PYTHON) -m mkdocs build --quiet --strict

reference: .venv/ready ## Write the JSON schemas and docs/reference again, from the models and the help
	@$(PYTHON) .ci/reference.py

fmt: .venv/ready ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

lab: tools ## Keep the lab running and print the environment for pulumi, kubectl and aws; ENFORCER=cilium for its node
	@$(PYTHON) -m lab up --node $(if $(ENFORCER),--enforcer $(ENFORCER))

test-faults: tools ## Try every fault at every write of the engine; takes hours, FAULTS=kill EVERY=5 SECONDS_LEFT=3600 limit it
	@$(PYTHON) -m tests.support.faults

bench: tools ## Run the benchmarks
	@$(PYTHON) -m lab.bench

tools: .venv/ready ## Find or build the engine, the providers and the servers of the lab
	@$(PYTHON) -m lab tools

promtool: .venv/ready ## Fetch promtool and Prometheus for the tests of the alerts
	@$(PYTHON) -m lab promtool

# The page's tests run in Debian's browser; where it is missing and cannot be installed, they are skipped and say so.
browser: ## Install Chromium for the page's tests, as root where apt-get is
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing chromium and chromium-driver"; \
			log=$$(mktemp); \
			{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
				chromium chromium-driver fonts-dejavu-core; } >"$$log" 2>&1 \
				|| { tail -n 3 "$$log"; echo "chromium cannot be installed: the page's browser tests are skipped"; }; \
			rm -f "$$log"; \
		else \
			echo "chromium and chromium-driver are not installed: the page's browser tests are skipped"; \
		fi; \
	fi

packets: node-packages tools ## Try every connection of the shop on a real node, and compare with the analyzer
	@$(PYTHON) -m lab packets

test-packets: node-packages tools ## Try a hundred random declarations on each enforcer; takes an hour, N=5 SEED=7 change that
	@for enforcer in aws kube-router cilium; do \
		$(PYTHON) -m lab packets --enforcer $$enforcer --stack dev --stack prod --variants --probe 2 --random $(or $(N),100) --seed $(or $(SEED),1) \
			|| failed=1; \
	done; [ -z "$$failed" ]

# The node of the lab stands on Debian's container runtime; where it is neither there nor to be had, packets are left out.
NODE_PACKAGES := containerd runc containernetworking-plugins iptables ipset nftables conntrack iproute2 busybox-static \
	bash-static clang llvm libbpf-dev bpftool
node-packages: ## Install what the lab's node stands on, as root where apt-get is
	@if ! dpkg --status $(NODE_PACKAGES) >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $(NODE_PACKAGES)"; \
			log=$$(mktemp); \
			{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
				$(NODE_PACKAGES); } >"$$log" 2>&1 \
				|| { tail -n 3 "$$log"; echo "they cannot be installed: packets are not tried"; }; \
			rm -f "$$log"; \
		else \
			echo "the lab's node needs root and Debian's packages: packets are not tried"; \
		fi; \
	fi

clean: ## Remove generated files; the cache of built tools stays
	rm -rf .site .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The lock file decides every version. If uv is missing, it is installed into its own virtual environment. The Python of
# a Linux distribution is compiled with a profile of real programs, and a third faster than one that pyenv compiles.
.venv/ready: pyproject.toml uv.lock .ci/uv.txt
	@uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
		uv="$(CACHE)/uv-$(UV_VERSION)/bin/uv"; \
		if [ ! -x "$$uv" ]; then \
			echo "Getting uv $(UV_VERSION), which installs what uv.lock names"; \
			fresh="$(CACHE)/uv-$(UV_VERSION).$$$$"; \
			mkdir -p "$(CACHE)"; python3 -m venv "$$fresh"; \
			"$$fresh/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
				--requirement .ci/uv.txt; \
			rm -rf "$(CACHE)/uv-$(UV_VERSION)"; mv "$$fresh" "$(CACHE)/uv-$(UV_VERSION)"; \
		fi; \
	fi; \
	python=/usr/bin/python3; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || python=; \
	"$$uv" sync --frozen --quiet $${python:+--python "$$python"}
	@touch $@

# The only entry point.  What takes more than a line is in scripts/.
# Targets are documented behind "##": that is what "make help" prints.

VERSION = 0.1.0

PREFIX  = /usr/local
CC      = gcc
FUZZTIME = 60s

# The scripts read these.  NGINX goes by another name: in the environment it
# would be, to a started NGINX, a list of inherited sockets.
export NGINX_VERSION NGINX_SOURCE_DIR CC
export NGINX_TESTS_DIR UNIT_SOURCE_DIR MODULE DEMO_PORT CHROMIUM
export NGINX_BINARY = $(NGINX)
unexport NGINX

GO      = scripts/go.sh
BUILD   = -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

# Flags of the C that cgo compiles, as scripts/build-nginx.sh has them.
CGO = CGO_ENABLED=1 \
      CGO_CFLAGS='-O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Wall -Wextra -Werror -Wno-unused-parameter' \
      CGO_LDFLAGS='-Wl,-z,relro -Wl,-z,now'

# A chosen version is tested in the NGINX of that version.
CHOSEN = $(if $(NGINX),,$(if $(NGINX_VERSION)$(NGINX_SOURCE_DIR),build-nginx))

TEST_ENV = env=$$(scripts/env.sh) && eval "$$env"

.NOTPARALLEL:

.PHONY: help deps build build-nginx module bridge cli check-nginx install \
        test test-go test-console test-captures test-bridge test-module e2e \
        e2e-flood e2e-frameworks e2e-frameworks-quick e2e-integrations \
        e2e-clickhouse otelcol e2e-languages demo demo-check pictures \
        bench bench-decode \
        quality fuzz new-framework nginx-tests check-unit-header check-docs lint fmt \
        clean

help:  ## this list
	@echo 'usage: make TARGET [VARIABLE=value ...]'
	@echo
	@awk -F '## *' '/^[a-z0-9-]+:.*##/ { split($$1, t, ":"); \
	    printf "  %-20s %s\n", t[1], $$2 }' Makefile
	@echo
	@echo 'variables:'
	@echo '  NGINX_VERSION=     build for this NGINX release; default: the one on the machine'
	@echo '  NGINX_SOURCE_DIR=  build for the NGINX in this source tree'
	@echo '  NGINX=             the NGINX binary to build for, to check and to test with'
	@echo '  CC=                C compiler (gcc, clang)'
	@echo '  DESTDIR= PREFIX=   install: staging directory, and where bin/ is (/usr/local)'
	@echo '  CAPTURES_DIR=      test-captures: the recordings'
	@echo '  CORPUS_DIR=        quality: the corpus'
	@echo '  CORAZA=1           quality: time Coraza with CRS, too'
	@echo '  CURVE=1            quality: only the rates by threshold and paranoia'
	@echo '  QUALITYFLAGS=      quality: its options (-help lists them)'
	@echo '  FUZZTIME=          fuzz: time for each target (60s)'
	@echo '  BENCHFLAGS=        bench: its options (-help lists them)'
	@echo '  MODULE=            check-nginx: another module than the built one'
	@echo '  DEMO_PORT=         demo: the port of the chat (8088)'
	@echo '  CHROMIUM=          demo-check, e2e-languages: the browser (/usr/bin/chromium)'
	@echo '  FRAMEWORKS=        e2e-frameworks: some of them, as "signalr nats"'
	@echo '  LANGUAGES=         e2e-languages: some of them, as "java ruby"'


# Build

deps:  ## install what the build needs and the machine lacks
	@scripts/check-libc.sh
	@scripts/deps.sh build

build: module bridge cli  ## build module, library and command line into build/

module: deps
	@scripts/build-nginx.sh

build-nginx: deps  ## build also the chosen NGINX itself, for tests of it
	@scripts/build-nginx.sh binary

bridge: deps
	@$(CGO) $(GO) build -buildmode=c-shared $(BUILD) -o build/libwsi.so ./gobridge
	@echo 'built build/libwsi.so'

cli: deps
	@CGO_ENABLED=0 $(GO) build $(BUILD) -o build/wsi ./gobridge/cmd/wsi
	@echo 'built build/wsi'

check-nginx:  ## say whether the built module fits the binary NGINX=
	@scripts/check-nginx.sh

install:  ## install what is built, under DESTDIR= and PREFIX=
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh

clean:  ## remove build/
	rm -rf build


# Test

test: check-docs test-go test-console test-bridge test-module e2e e2e-frameworks-quick demo-check  ## all tests that need no hours
	@echo 'make test: all passed'

test-go: deps  ## unit tests, without NGINX
	$(GO) test ./...

test-console: cli  ## the console in a headless browser, with every attack sample
	@scripts/deps.sh demo
	@scripts/console.sh

bench-console: deps  ## the console: 100,000 lines followed, each page over 1,000,000 events
	WSI_CONSOLE_LINES=100000 $(GO) test ./gobridge/internal/console -run '^$$' -bench Follow -benchtime 1x -v
	WSI_CONSOLE_EVENTS=1000000 $(GO) test ./gobridge/internal/console -run '^$$' -bench Pages \
	    -benchtime 10x -timeout 60m -v

test-captures: deps  ## wsi replay over recordings with *.expect.json (CAPTURES_DIR=)
	@test -n "$(CAPTURES_DIR)" || { echo 'test-captures: CAPTURES_DIR= names no directory of recordings'; exit 2; }
	CAPTURES_DIR='$(abspath $(CAPTURES_DIR))' $(GO) test -count=1 -run 'TestReplayCaptures' ./gobridge/cmd/wsi

test-bridge: bridge  ## the boundary, called from C
	$(CC) -O2 -g -Wall -Wextra -Werror -Igobridge -o build/ctest gobridge/ctest/*.c -ldl -lpthread
	@scripts/check-abi.sh
	build/ctest build/libwsi.so

test-module: module  ## what of the module parses what clients send, alone
	@scripts/test-module.sh

e2e: build $(CHOSEN)  ## end to end, with a real NGINX
	$(TEST_ENV) && $(GO) test -tags e2e -count=1 -timeout 20m ./gobridge/e2e/...

e2e-flood: build $(CHOSEN)  ## 100,000 attacks, none lost uncounted, and what others notice
	$(TEST_ENV) && WSI_FLOOD=100000 $(GO) test -tags e2e -count=1 -timeout 20m -v -run TestFlood ./gobridge/e2e

demo: build $(CHOSEN)  ## start the chat behind NGINX and say what to try
	@scripts/deps.sh demo
	@scripts/demo.sh

demo-check: build $(CHOSEN)  ## the same story with two headless browsers, unattended
	@scripts/deps.sh demo
	@scripts/demo.sh check

pictures: build $(CHOSEN)  ## attack the demo, and take the pictures of docs/images
	@scripts/deps.sh demo
	@scripts/demo.sh pictures

e2e-frameworks: build $(CHOSEN)  ## clients and servers of the frameworks through NGINX
	@scripts/deps.sh frameworks
	@scripts/frameworks.sh $(FRAMEWORKS)

e2e-frameworks-quick: build $(CHOSEN)  ## socket.io, SignalR and STOMP of them
	@scripts/deps.sh frameworks-quick
	@scripts/frameworks.sh --quick

e2e-integrations: build $(CHOSEN)  ## what integrations/ has, with the real programs
	@scripts/deps.sh integrations
	$(TEST_ENV) && WSI_INTEGRATIONS=1 $(GO) test -tags e2e -count=1 -run TestIntegration ./gobridge/e2e

otelcol: deps  ## build the OpenTelemetry Collector for e2e-integrations: takes minutes
	@scripts/otelcol.sh

e2e-clickhouse: build $(CHOSEN)  ## of these, the console and the queries over ClickHouse
	@scripts/deps.sh integrations
	$(TEST_ENV) && WSI_INTEGRATIONS=1 $(GO) test -tags e2e -count=1 -run 'TestIntegrationConsoleClickHouse|TestIntegrationEventLog/clickhouse' ./gobridge/e2e

e2e-languages: build $(CHOSEN)  ## clients of many languages through NGINX: no difference
	@scripts/deps.sh languages
	@LANGUAGES='$(LANGUAGES)' scripts/languages.sh

bench: build $(CHOSEN)  ## NGINX with the module against NGINX without it
	@scripts/bench.sh $(BENCHFLAGS)

bench-decode: deps  ## the decoders beside the libraries that they replace or wrap
	@mkdir -p build
	@$(GO) build -o build/bench-decode ./gobridge/bench/decode
	@build/bench-decode $(BENCHFLAGS)

quality: deps  ## what is found in the texts of CORPUS_DIR=, and what that costs
	@test -d "$(CORPUS_DIR)" || { echo 'quality: CORPUS_DIR=$(CORPUS_DIR) is no directory: name the one of the corpus'; exit 2; }
	@mkdir -p build
	@$(GO) build -o build/quality ./gobridge/bench/quality
	@test -z "$(CORAZA)" || $(GO) -C gobridge/bench/coraza build -o $(abspath build)/quality-coraza .
	@build/quality -corpus '$(abspath $(CORPUS_DIR))' $(if $(CORAZA),-coraza build/quality-coraza) $(if $(CURVE),-curve) $(QUALITYFLAGS)

fuzz: module  ## every fuzz target for FUZZTIME=
	@scripts/fuzz.sh $(FUZZTIME)
	@scripts/test-module.sh fuzz $(FUZZTIME)

nginx-tests: build  ## NGINX's own upgrade tests (NGINX_TESTS_DIR=) with the module on
	@scripts/nginx-tests.sh

check-unit-header: deps  ## compare our names with NGINX Unit's header (UNIT_SOURCE_DIR=)
	@scripts/check-unit-header.sh

check-docs:  ## compare docs/directives.md with the code, find dead links
	@scripts/check-docs.sh

lint: deps check-docs  ## gofmt, go vet, shell syntax, docs, module with gcc and clang
	@scripts/lint.sh

new-framework: deps  ## the skeleton of a framework NAME=: decoder, tests, samples, docs row
	@$(GO) run ./gobridge/internal/framework/gen '$(NAME)'

fmt: deps  ## gofmt all Go code
	$(GO) fmt ./...

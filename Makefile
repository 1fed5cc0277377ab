# `make help` lists the targets. GOPROXY and the proxies of the environment are
# respected; GO=/path/to/go forces a toolchain.

NAME    := iot-edge-anomaly
VERSION ?= $(shell scripts/version.sh)
COMMIT  ?= $(shell scripts/version.sh commit)
PREFIX  ?= /usr
FUZZTIME ?= 10s
DATA    ?= ../shared/data

# Searched for (and downloaded if necessary) on first use, so that `make help` needs no Go.
ifeq ($(origin GO),undefined)
GO = $(eval GO := $(or $(shell scripts/go.sh),$(error no Go toolchain: see the line above)))$(GO)
endif

# Nothing here needs HTTP/2; without it the binary is half a MiB smaller.
TAGS = nethttpomithttp2

# Compiled without inlining, because no row passes through them: packages that run at
# start, for a command, for a request or for a message to the broker. It made the amd64
# binary 0.9 MiB smaller (make build COLD=). What multiplies for TLS (fips140/nistec, bigmod,
# mlkem, edwards25519) keeps its speed, and so does ChaCha20, which TLS takes where the
# processor has no AES: they are not listed. AES in Go alone, on 32-bit Arm, takes 1.3
# to 1.5 times as long.
COLD_AGENT = ./agent $(addprefix ./agent/,alerts archive backup broker chart clients command commission config control demo devices diskwait doctor gateway guard history homeassistant htmlreport journal keyfiles lock minisign models mqtt offline proof quiet review settings sparkplug status/...) \
	./board ./model/checkpoint ./quant/reference ./quant/speed $(addprefix ./drivers/,ads1115 bme280 hwmon iio ina internal/... lm75 modbus/guess modbus/sunspec mqttsub regs replay shelf sht sim/... thermal tmp1xx)
COLD_LIBRARIES = github.com/... syscall go.yaml.in/... golang.org/x/sync/... periph.io/... \
	$(addprefix crypto/,ecdh ecdsa elliptic hpke mlkem rsa tls/... x509/... internal/fips140/ecdh internal/fips140/ecdsa internal/fips140/rsa) \
	bufio compress/... container/list context embed $(addprefix encoding/,asn1 base64 csv hex json pem) flag fmt internal/fmtsort io/... log/... math/big mime/... net/... os/... path/... \
	$(addprefix crypto/,aes cipher des dsa ed25519 fips140 hkdf hmac md5 rand rc4 sha1 sha256 sha3 sha512 subtle) \
	$(addprefix crypto/internal/,boring/... constanttime entropy/... fips140cache fips140hash fips140only impl rand randutil sysrand) \
	$(addprefix crypto/internal/fips140/,aes/... alias check drbg ed25519 hkdf hmac sha256 sha3 sha512 subtle tls12 tls13) \
	$(addprefix internal/,bisect filepathlite godebug poll saferio singleflight sync syscall/... testlog) errors unique weak \
	regexp/... text/tabwriter unicode/... vendor/golang.org/x/crypto/cryptobyte/... vendor/golang.org/x/net/...
COLD = $(COLD_AGENT) $(COLD_LIBRARIES)

# Nothing here asks for host names that are not ASCII: see tools/leftout/idna.
LEFTOUT = -overlay $$(scripts/leftout.sh $(GO))

# Bytes at whose multiples functions begin: the compiler's 32 makes the amd64 binary 136 KiB
# larger. 0 is the compiler's own, 4 on 32-bit Arm.
ALIGN = 16

# The same sources give the same bytes in any folder, in a clone and in a source
# archive (TestReproducible in scripts/house).
GOBUILD = CGO_ENABLED=0 GOFLAGS= GOAMD64=v1 GOARM64=v8.0 $(GO) build -trimpath -buildvcs=false -tags $(TAGS) $(LEFTOUT) \
	-ldflags "-s -w -funcalign=$(ALIGN) -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT)" \
	$(foreach p,$(COLD),-gcflags=$(p)=-l)

# Of staticcheck: the default, package comments, and one receiver name a type.
CHECKS = inherit,ST1000,ST1016

DIST := $(addprefix dist/$(NAME)_linux_,amd64 arm64 armv7 armv6)

.DEFAULT_GOAL := help
.PHONY: help run build cross FORCE test nightly check boards faults alerts soak bench footprint peers arm accuracy liars fetch fuzz golden rooms release release-check release-sign systemd firstboot release-notes fresh install install-files clean

help:
	@echo "make run            starts the demonstration: a simulated pump station is learnt and watched; Ctrl-C ends it"
	@echo "make test           installs what the tests need (Debian, Ubuntu, Raspberry Pi OS) and runs every test"
	@echo "make build          builds ./$(NAME) for this machine"
	@echo "make cross          builds dist/$(NAME)_linux_{amd64,arm64,armv7,armv6}; fails above 12 MiB"
	@echo "make check          runs gofmt, go vet, staticcheck and shellcheck"
	@echo "make boards         boots two emulated ARM boards and runs the program on them (Debian)"
	@echo "make faults         injects faults of brokers, network, disk and clients into the program, and prints each figure beside its goal"
	@echo "make soak           runs the program for one hour at ten times the load and half the memory"
	@echo "make alerts         has Prometheus, vmalert and Alertmanager evaluate the alerts while faults are injected; 20 minutes (Debian)"
	@echo "make bench          measures speed, allocations, binary sizes, start time and memory"
	@echo "make footprint      measures memory, CPU and bytes written at six sizes, beside Telegraf and netdata; 25 minutes"
	@echo "make peers          compares speed with ONNX Runtime and TFLite, downloaded from npm (x86-64, arm64)"
	@echo "make arm            estimates cycles of the Arm kernels and counts instructions in emulation beside XNNPACK (Debian 12)"
	@echo "make accuracy       trains and scores on the recordings in DATA ($(DATA)); SETS=wind60,skab only on these"
	@echo "make liars          reads simulated Modbus devices that lie, and counts wrong values, beside other readers; 20 minutes"
	@echo "make fetch          downloads the public recordings that make accuracy uses into DATA"
	@echo "make fuzz           runs each fuzz test for FUZZTIME ($(FUZZTIME))"
	@echo "make golden         rewrites the expected outputs of tests; read the diff before you commit it"
	@echo "make nightly        runs every test at full length (EDGE_LONG=1) with the race detector, then fuzz tests"
	@echo "make rooms          prints the packages below agent/: lines, imports, longest chain"
	@echo "make release        makes packages, tarballs, container image, SBOM and SHA256SUMS in dist/release"
	@echo "make release-check  checks what make release made: same bytes again, lintian, SBOM, image, signatures, install.sh, the .rpm (root, Debian)"
	@echo "make release-sign   signs it: MINISIGN_KEY=FILE for SHA256SUMS, GPG_KEY=ID for an apt repository in dist/apt"
	@echo "make systemd        installs the package on a real systemd and goes through the service's life (root, Debian)"
	@echo "make firstboot      boots a Debian arm64 with board/firstboot/user-data in an emulator: from a blank card to a running gateway (root, Debian)"
	@echo "make release-notes  prints the section of CHANGELOG.md for VERSION, for a release page"
	@echo "make fresh          runs and tests in a minimal Debian root (needs root, debootstrap, network)"
	@echo "make install        installs the binary and its system files below PREFIX ($(PREFIX)) and DESTDIR"
	@echo "make clean          removes what was built; downloads stay in .build"

run:
	@mkdir -p .build
	@$(GOBUILD) -tags $(TAGS),demo -o .build/$(NAME)-demo ./agent
	@exec .build/$(NAME)-demo demo

build:
	$(GOBUILD) -o $(NAME) ./agent

cross: $(DIST)
	@scripts/sizes.sh

dist/$(NAME)_linux_armv%: ALIGN = 0
dist/$(NAME)_linux_armv%: FORCE
	GOOS=linux GOARCH=arm GOARM=$* $(GOBUILD) -o $@ ./agent

dist/$(NAME)_linux_%: FORCE
	GOOS=linux GOARCH=$* $(GOBUILD) -o $@ ./agent

test:
	@scripts/setup.sh
	$(GO) test -timeout 30m ./...
	$(GO) test -timeout 30m -tags demo ./agent/demo
	GO=$(GO) scripts/emulated.sh

nightly:
	@scripts/setup.sh
	@scripts/setup.sh gcc libc6-dev
	EDGE_LONG=1 CGO_ENABLED=1 $(GO) test -race -timeout 3h ./...
	$(MAKE) soak
	@$(GO) run ./scripts/faults -only memory
	$(MAKE) footprint
	$(MAKE) alerts
	GO=$(GO) FUZZTIME=$(FUZZTIME) scripts/fuzz.sh
	GO=$(GO) FUZZTIME=10m scripts/fuzz.sh agent/status
	$(MAKE) release-check LONG=-long
	$(MAKE) systemd
	$(MAKE) firstboot

check:
	@out=$$("$$($(GO) env GOROOT)/bin/gofmt" -l agent board drivers model quant scripts) && \
		if [ -n "$$out" ]; then echo "not gofmt-ed:" $$out >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags demo,purego ./...
	GOOS=linux GOARCH=arm $(GO) vet ./...
	GOOS=linux GOARCH=arm64 $(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck -checks $(CHECKS) ./...
	$(GO) tool -modfile=tools/go.mod staticcheck -checks $(CHECKS) -tags demo ./agent/...
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh scripts/release/*.sh scripts/systemd/*.sh board/debian/p* board/systemd/credentials .ci/run; fi

boards: dist/$(NAME)_linux_armv7 dist/$(NAME)_linux_arm64
	@scripts/setup.sh qemu-system-arm mosquitto mosquitto-clients e2fsprogs
	@mkdir -p .build/boards
	@$(GO) build -o .build/boards/boards ./scripts/boards
	@GO=$(GO) .build/boards/boards

# It runs cases of the network and of memory as root only. LONG=-long: 1,000 kills, 1,000 flaps, ten minutes of slow clients, an hour at ten times the load.
faults: build
	@scripts/setup.sh mosquitto mosquitto-clients strace
	@scripts/setup.sh nats-server rabbitmq-server || echo "cases with these brokers will not run"
	@$(GO) run ./scripts/faults $(LONG)

soak: build
	@scripts/setup.sh mosquitto mosquitto-clients
	@$(GO) run ./scripts/faults -only soak -long

# Which rules fire, take their route and clear; a limit of memory needs root.
alerts: build
	@scripts/setup.sh prometheus prometheus-alertmanager victoria-metrics
	@$(GO) run ./scripts/alerts

bench: build cross
	$(GO) test -run '^$$' -bench . -benchmem ./board ./quant/... ./model/... ./agent/... ./drivers/modbus
	./$(NAME) bench
	$(GO) run ./scripts/footprint ./$(NAME)

# What docs/footprint.md shows; INTO=docs/footprint.md writes it there. Telegraf is built by Go.
footprint: build
	@scripts/setup.sh mosquitto
	@scripts/setup.sh netdata-core || echo "netdata is left out"
	@mkdir -p .build
	@$(GO) run ./scripts/footprint -page $(if $(INTO),-into $(INTO)) ./$(NAME)

peers:
	@command -v cc >/dev/null || scripts/setup.sh gcc libc6-dev
	@command -v npm >/dev/null || scripts/setup.sh npm
	$(GO) run ./scripts/peers

# The plugin that counts needs Debian 12's qemu-user, which is linked dynamically.
arm:
	scripts/mca.sh
	@scripts/setup.sh gcc libc6-dev qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
	@command -v npm >/dev/null || scripts/setup.sh npm
	GO=$(GO) $(GO) run ./scripts/peers -arm

# What a device that lies makes of the values: 100 seeds of each lie, 10,000 random ones;
# then other readers of the same devices. Those that cannot be had here are left out.
liars:
	-@scripts/setup.sh python3-pymodbus
	GO=$(GO) $(GO) run ./scripts/liars

accuracy:
	DATA=$(DATA) $(GO) run ./scripts/accuracy $(if $(SETS),-sets $(SETS))

fetch:
	$(GO) run ./scripts/recordings -out $(DATA)

fuzz:
	GO=$(GO) FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

golden:
	GO=$(GO) scripts/golden.sh

rooms:
	@$(GO) run ./scripts/rooms

release-notes:
	@scripts/notes.sh $(VERSION)

fresh:
	scripts/fresh.sh

release: cross
	GO=$(GO) VERSION=$(VERSION) scripts/release.sh

release-check: release
	GO=$(GO) scripts/release/same.sh $(LONG)
	scripts/release/lint.sh
	scripts/release/sbom.sh
	scripts/release/image.sh
	scripts/release/signed.sh
	scripts/release/install-check.sh
	scripts/release/rpm.sh
	scripts/release/recipes.sh

# MINISIGN_KEY=FILE and GPG_KEY=ID name the keys.
release-sign:
	VERSION=$(VERSION) scripts/release/sign.sh

# SUITES: bookworm has systemd 252, jammy 249, bullseye 247.
systemd: release
	GO=$(GO) scripts/systemd.sh $(SUITES)

firstboot: release
	GO=$(GO) scripts/firstboot.sh

# Then, on the gateway: systemd-sysusers, systemd-tmpfiles --create, systemctl daemon-reload.
install: build
	@$(MAKE) -s install-files BINARY=$(NAME)

install-files:
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/$(NAME)
	install -D -m 0644 board/systemd/$(NAME).service $(DESTDIR)$(PREFIX)/lib/systemd/system/$(NAME).service
	for unit in weekly monthly; do for kind in service timer; do \
		install -m 0644 board/systemd/$(NAME)-$$unit.$$kind $(DESTDIR)$(PREFIX)/lib/systemd/system/$(NAME)-$$unit.$$kind || exit 1; done; done
	install -D -m 0755 board/systemd/credentials $(DESTDIR)$(PREFIX)/lib/$(NAME)/credentials
	install -D -m 0644 board/systemd/modules-load.conf $(DESTDIR)$(PREFIX)/lib/modules-load.d/$(NAME).conf
	install -D -m 0644 board/systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/$(NAME).conf
	install -D -m 0644 board/systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/$(NAME).conf
	install -D -m 0644 board/udev/60-$(NAME).rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-$(NAME).rules

clean:
	rm -rf $(NAME) dist .build/$(NAME)-demo

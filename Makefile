# KDesk Client Secrets. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help run test clamd race lint generate verify fuzz bench bench-log conformance postgres

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: postgres ## build and start the product with its embedded defaults and a demo workspace; Ctrl-C stops it
	@go build -o bin/client-secrets ./cmd/client-secrets
	@exec ./bin/client-secrets serve --dev

test: postgres clamd ## run all tests, and conformance
	go vet ./...
	go vet -tags cloud ./vault/...
	go test -timeout 30m ./...
	@./scripts/conformance

# Only on make's command line: in the environment it may name the log of an installation.
conformance: export CONFORMANCE_URL = $(if $(filter command,$(origin EVENTSTORE_URL)),$(EVENTSTORE_URL))
conformance: ## hold the event store against the official clients' tests; EVENTSTORE_URL=... tests that server, and writes to it
	@./scripts/conformance

race: postgres clamd ## run all tests with the race detector
	go test -race -timeout 30m ./...

lint: ## check style and common mistakes
	go run $(GOLANGCI) run ./...

generate: ## write the OpenAPI document and the event catalogue into docs
	go run ./cmd/client-secrets openapi > docs/openapi.json
	go run ./cmd/client-secrets events > docs/events.md

verify: lint race ## everything that a change must pass
	git diff --exit-code -- docs/openapi.json docs/events.md

fuzz: postgres ## send 20,000 drawn requests to the API, other ones each time; REQUESTS=60000 for more
	FUZZ_REQUESTS=$(or $(REQUESTS),20000) go test ./http -run TestNoRequestBreaksTheAPI -v -timeout 60m

bench: postgres ## measure reveals, the ticket panel and a rebuild, each beside its limit
	go run ./cmd/bench

bench-log: ## measure the event log; EVENTS=100000,10000000 for a large one too
	go run ./cmd/bench log $(if $(EVENTS),-events $(EVENTS))

postgres:
	@./scripts/ensure-postgres

clamd:
	@./scripts/ensure-clamd

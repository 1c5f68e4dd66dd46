FUZZTIME ?= 10s
BENCHTIME ?= 1s

.DEFAULT_GOAL := help
.PHONY: help demo test race lint bench bench-check fuzz ci

help: ## Say what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: ## Show the four headline scenarios
	go run ./cmd/phonechecksim demo

test: ## Run the tests
	go test ./...

race: ## Run the tests under the race detector
	go test -race -short ./...

lint: ## gofmt, vet, staticcheck, module tidiness
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff

bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) ./...

bench-check: ## Hold the flow against its floor, measured in the same run
	PHONECHECKSIM_BENCH=1 go test -run TestFlowCost -count 1 -v ./sim

fuzz: ## Run each fuzz target for FUZZTIME
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg >fuzz.out 2>&1 || { cat fuzz.out; exit 1; }; \
	  done; done; rm -f fuzz.out

ci: ## All that a change must pass
	.ci/run

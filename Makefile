# Needs git, Node with npm, Go and make; everything else is installed or built by what runs below.
.DEFAULT_GOAL := help
.PHONY: help demo test bench bundle generate format clean

help: ## what there is to run
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Installed once; again when the lock file is newer.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

demo: node_modules/.package-lock.json ## a hub and a downstream with the samples, shown live; ONCE=1 exits when they have converged
	@npm run --silent demo -- $(if $(ONCE),--once)

test: node_modules/.package-lock.json ## every check and test but the benchmarks; T=pattern runs the files that match
	@npm run --silent test -- $(if $(T),'$(T)')

bench: node_modules/.package-lock.json ## the benchmarks, one JSON object each
	@npm run --silent bench -- fanout --json
	@npm run --silent bench -- latency --json

bundle: node_modules/.package-lock.json ## dist/paddock.mjs, the command as it is shipped
	@npm run --silent bundle

generate: node_modules/.package-lock.json ## api/generated from crds
	@npm run --silent generate

format: node_modules/.package-lock.json ## lint and format what can be put right by itself
	@npm run --silent format

clean: ## what was built here; the control plane's binaries stay in their cache
	rm -rf node_modules dist

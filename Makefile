# Only calls scripts; without make, call these yourself.
.PHONY: setup demo test bench

setup:
	scripts/setup.sh

demo:
	scripts/demo.sh

test:
	scripts/test.sh

bench:
	scripts/bench.sh

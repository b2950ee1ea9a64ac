# make demo    .venv with what a restoring box needs (no torch), then a rainy clip restored before your eyes
# make test    .venv-test with everything that needs no GPU, then the tests but for those marked slow
# make test-all   all tests, then every preset in full: exported, typed, verified, every engine built (half an hour on two cores)
# make coverage   the tests of make test, and which lines of the product they do not run
# make bindings   the real bindings of full TensorRT, without its libraries, for the test of the names that are used of them
# make check   ruff, import-linter and mypy, as CI runs them
PYTHON ?= python3
# Where the package index holds torch with CUDA only, take the CPU build:
# make test TORCH='torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu'
TORCH ?= torch==2.13.0

.PHONY: demo test test-all coverage bindings check clean

demo: .venv/installed
	.venv/bin/clearway demo --out demo

PYTEST = .venv-test/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test: .venv-test/installed
	$(PYTEST) -m "not slow"

test-all: bindings
	$(PYTEST)
	.venv-test/bin/python -m benchmarks.measure.model.exports

coverage: .venv-test/installed
	$(PYTEST) -m "not slow" --cov --cov-report=term-missing:skip-covered

# The oldest and the newest version that is supported: tests/export/engines/test_tensorrt_names.py.
bindings: .venv-test/installed
	.venv-test/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest .wheels \
		tensorrt_cu12_bindings==10.8.0.43 tensorrt_cu13_bindings==11.4.0.106

check: .venv-test/installed
	.venv-test/bin/ruff check .
	.venv-test/bin/lint-imports
	.venv-test/bin/mypy .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu]'
	touch $@

# torch first and by its exact version: another request for it may bring gigabytes of CUDA.
.venv-test/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-test
	.venv-test/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	.venv-test/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,rtx,train,export,live,dev]'
	touch $@

clean:
	rm -rf .venv .venv-test .wheels demo build dist *.egg-info

#!/usr/bin/env bash
# Every check of the project; ends in pytest's own summary. Arguments are pytest's: `tests/run.sh -m "not slow"`.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
{ snakefmt --check Snakefile workflow/rules && snakemake --lint; } & workflow=$!
lint-imports
mypy
wait "$workflow"
# Three workers on two cores, as one of them mostly waits for SLURM.
exec python -m pytest --numprocesses 3 "$@"

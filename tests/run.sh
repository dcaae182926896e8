#!/usr/bin/env bash
# Every check of the project; ends in pytest's own summary.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
snakefmt --check Snakefile workflow/rules
mypy
snakemake --lint
exec python -m pytest "$@"

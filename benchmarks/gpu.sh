#!/usr/bin/env bash
# Check and measure this project on one GPU within eight minutes, without a network: bash benchmarks/gpu.sh OUT
# [--photos FOLDER] [--bundle FOLDER] [--rehearse]. Wheels of what the machine lacks beside torch lie in $WHEELS
# (default: .whl); what the machine has already is not installed.
set -uo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" "$python" -m benchmarks.gpu.wheels "${WHEELS:-$root/.whl}" "$packages"
PYTHONPATH="$root:$packages${PYTHONPATH:+:$PYTHONPATH}" "$python" -m benchmarks.gpu --spent "$SECONDS" "$@" &
# A signal, also that of a lost connection, reaches the one that measures, which then stops what is running and still
# writes the summary.
trap 'kill -TERM $!' TERM INT HUP
wait $! && status=0 || status=$?
while kill -0 $! 2>/dev/null; do wait $! && status=0 || status=$?; done
exit "$status"

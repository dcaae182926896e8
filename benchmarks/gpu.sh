#!/usr/bin/env bash
# Check and measure this project on one GPU within eight minutes, without a network: bash benchmarks/gpu.sh OUT
# [--photos FOLDER] [--bundle FOLDER] [--rehearse]. Wheels of what the machine lacks beside torch lie in $WHEELS
# (default: .whl); what the machine has already is not installed.
set -uo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
for wheel in "${WHEELS:-$root/.whl}"/*.whl; do
  name="$(basename "$wheel")"
  [ -e "$wheel" ] || continue
  "$python" -c "from importlib.metadata import version; version('${name%%-*}')" 2>/dev/null && continue
  "$python" -m pip install -q --disable-pip-version-check --no-index --no-deps --target "$packages" "$wheel" ||
    echo "$name cannot be installed here: what needs it is left out." >&2
done
PYTHONPATH="$root:$packages${PYTHONPATH:+:$PYTHONPATH}" "$python" -m benchmarks.gpu --spent "$SECONDS" "$@" &
# A signal, also that of a lost connection, reaches the one that measures, which then stops what is running and still
# writes the summary.
trap 'kill -TERM $!' TERM INT HUP
wait $! && status=0 || status=$?
while kill -0 $! 2>/dev/null; do wait $! && status=0 || status=$?; done
exit "$status"

#!/usr/bin/env bash
# Check and measure this project on one GPU within eight minutes, without a network: bash benchmarks/gpu.sh OUT
# [--photos FOLDER] [--rehearse]. Wheels of what the machine lacks beside torch lie in $WHEELS (default: .whl).
set -uo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
wheels=("${WHEELS:-$root/.whl}"/*.whl)
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
if [ -e "${wheels[0]}" ]; then
  "$python" -m pip install -q --disable-pip-version-check --no-index --no-deps --target "$packages" "${wheels[@]}" ||
    echo "Some wheels could not be installed: what needs them is left out." >&2
fi
PYTHONPATH="$root:$packages${PYTHONPATH:+:$PYTHONPATH}" "$python" -m benchmarks.gpu "$@" &
# A signal reaches the one that measures, which then stops what is running and still writes the summary.
trap 'kill -TERM $!' TERM INT
wait $! && status=0 || status=$?
while kill -0 $! 2>/dev/null; do wait $! && status=0 || status=$?; done
exit "$status"

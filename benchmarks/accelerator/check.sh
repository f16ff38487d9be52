#!/usr/bin/env bash
# Device tests, then times, on a real accelerator: at most eight minutes after the packages are installed.
#   benchmarks/accelerator/check.sh [OUT.json]
# DEVICE: kind of device (cuda). PYTHON: an interpreter that has torch for the device; packages that it lacks are
# installed into .venv-accelerator. TINY=1: small sizes, to try the script itself; with DEVICE=sim or DEVICE=cpu.
set -euo pipefail
cd "$(dirname "$0")/../.."
DEVICE=${DEVICE:-cuda}
PYTHON=${PYTHON:-python3}
OUT=$(realpath -m "${1:-accelerator.json}")
export PYTHONPATH="$PWD:$PWD/tests${PYTHONPATH:+:$PYTHONPATH}" MPLBACKEND=Agg PYTHONUNBUFFERED=1
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

if ! "$PYTHON" -c 'import avalanche, filelock, optuna, pytest, torch, typer' 2>/dev/null; then
  "$PYTHON" -m venv --system-site-packages .venv-accelerator
  PYTHON=.venv-accelerator/bin/python
  "$PYTHON" -m pip install --quiet -e '.[tuning]' pytest ninja
fi
"$PYTHON" -c 'import sys, torch; print("torch", torch.__version__, "accelerator", torch.accelerator.current_accelerator())'

started=$SECONDS
status=0
if [ "$DEVICE" != cpu ]; then  # the tests compare with the CPU
  LIFELONG_LB_TEST_DEVICE=$DEVICE timeout "${TEST_SECONDS:-180}" "$PYTHON" -m pytest -q -p no:cacheprovider \
    tests/devices/on_device || status=$?
fi
limit=${LIMIT_SECONDS:-480}
left=$((limit - (SECONDS - started)))
timeout "$left" "$PYTHON" benchmarks/accelerator/times.py --device "$DEVICE" --seconds $((left - 60)) --out "$OUT" \
  --tests "$status" ${TINY:+--tiny}
exit "$status"

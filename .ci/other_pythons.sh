#!/usr/bin/env bash
# Tests the project under every other Python from 3.12 on that this machine has, and says which it found.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints the path of a Python 3.$1: on PATH, beside the default one, or the newest of pyenv's.
find_python() {
  local beside candidate
  beside=$(dirname "$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')")
  for candidate in \
    "$(command -v "python3.$1" || true)" \
    "$beside/python3.$1" \
    $(printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$1".*/bin/python | grep -E "/3\.$1\.[0-9]+/" | sort -rV); do
    # One of pyenv's shims is on PATH although its version may not be selected: only a Python that runs counts.
    if [ -x "$candidate" ] && "$candidate" -c "import sys, venv; sys.exit(sys.version_info[:2] != (3, $1))" 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

test_with() { # the Python's path, and a folder to be made
  local bin=$2/venv/bin
  "$1" -m venv "$2/venv"
  "$bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . \
    hypothesis httpx pytest pytest-asyncio pytest-timeout pytest-xdist # what these tests need of the extra `test`
  "$bin/python" -m pytest --quiet --numprocesses 2 -p no:cacheprovider \
    tests/server/test_contract.py tests/server/test_command_line.py tests/server/test_frames.py \
    tests/loadtest/test_ledger.py tests/loadtest/test_frames.py
  "$bin/python" -m bench compare --strategies direct,coalesced --users 5 --room-rate 50 --arrival constant \
    --duration 1 --warmup 0.5 --out "$2/campaign" ||
    [ $? = 3 ] # a busy machine makes cells invalid, which is no failure here
  "$bin/python" .ci/check_ledger.py "$2/campaign/summary.json"
}

own=$(.venv/bin/python -c 'import sys; print(sys.version_info.minor)')
found=() missing=()
for minor in 12 13 14; do
  [ "$minor" = "$own" ] && continue
  if python=$(find_python "$minor"); then
    echo "Python 3.$minor: $("$python" --version), $python"
    test_with "$python" "$work/3.$minor"
    found+=("3.$minor")
  else
    missing+=("3.$minor")
  fi
done
echo "tested with Python: ${found[*]:-none}; not on this machine: ${missing[*]:-none}"

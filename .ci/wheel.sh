#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment, and uses it from another folder, with a strategy of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
root=$PWD

.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work" .
.venv/bin/python -m venv "$work/venv"
bin=$work/venv/bin
"$bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$work"/*.whl

mkdir "$work/strategy" "$work/elsewhere"
cat >"$work/strategy/pyproject.toml" <<'TOML'
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "chatroom-one-by-one"
version = "1"
[project.entry-points."chatroom_bench.strategies"]
one-by-one = "one_by_one:OneByOne"
[tool.setuptools]
py-modules = ["one_by_one"]
TOML
cat >"$work/strategy/one_by_one.py" <<'PYTHON'
from server.strategies.direct import DirectStrategy


class OneByOne(DirectStrategy):
    name = "one-by-one"
PYTHON
"$bin/python" -m pip install --quiet --disable-pip-version-check "$work/strategy"

cd "$work/elsewhere"
"$bin/chatroom-bench" --help >help.txt
grep -q compare help.txt
"$bin/chatroom-server" --help | grep -q -- --strategy
"$bin/chatroom-bench" compare --strategies one-by-one,coalesced --users 5 --room-rate 50 --arrival constant \
  --duration 1 --warmup 0.5 --retries 0 --out campaign ||
  [ $? = 3 ] # a busy machine makes cells invalid, which is no failure here
"$bin/python" "$root/.ci/check_ledger.py" campaign/summary.json
"$bin/chatroom-bench" report campaign >report.txt || [ $? = 3 ]
[ -s campaign/report.md ] && [ -s campaign/report.html ]
"$bin/chatroom-bench" scenarios | grep -q stalled
"$bin/python" - <<'PYTHON'
import server, loadtest, bench

for package in (server, loadtest, bench):
    assert "/elsewhere" not in package.__file__ and "site-packages" in package.__file__, package.__file__
PYTHON
"$bin/chatroom-server" --port 0 --strategy one-by-one >server.txt 2>&1 &
server=$!
for _ in $(seq 100); do grep -q ready server.txt && break || sleep 0.1; done
url=$(awk '{print $4}' server.txt)
"$bin/python" -c "import sys, urllib.request as r; assert b'Chatroom' in r.urlopen(sys.argv[1]).read()" "$url"
kill "$server"
wait "$server"
server=
echo "the wheel works: $(basename "$work"/*.whl)"

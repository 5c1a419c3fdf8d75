#!/usr/bin/env bash
# Runs commands side by side, prints what each said once it has ended, and fails if one failed.
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

number=0 pids=()
for command in "$@"; do
  bash -c "$command" >"$work/$number" 2>&1 &
  pids+=($!)
  number=$((number + 1))
done
failed=0
for number in "${!pids[@]}"; do
  status=0
  wait "${pids[$number]}" || status=$?
  cat "$work/$number"
  [ "$status" = 0 ] || { echo "failed with exit code $status: ${*:number+1:1}"; failed=1; }
done
exit $failed

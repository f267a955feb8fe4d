#!/usr/bin/env bash
# unit.sh [WRAPPER...]: runs every unit test program of $BUILD, under WRAPPER (valgrind, say) where one is given, and adds up
# their results.
set -uo pipefail

build=${BUILD:-build}
passed=0
failed=0
for program in "$build"/tests/unit/test_*; do
  [[ -x $program && -f $program ]] || continue
  output=$("$@" "$program" 2>&1)
  status=$?
  read -r ok bad < <(sed -nE 's/^[^ ]+: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' <<<"$output" | tail -n 1)
  # With CK_FORK=no a leak shows in the exit status only (T21).
  if [[ -z ${ok:-} ]] || ((status != 0 || bad > 0)); then
    echo "--- ${program##*/} (exit status $status)"
    echo "$output"
    ((${bad:-0} > 0)) || bad=1
  else
    echo "${program##*/}: $ok passed"
  fi
  passed=$((passed + ${ok:-0}))
  failed=$((failed + ${bad:-0}))
  unset ok bad
done
echo "unit: $passed passed, $failed failed"
((failed == 0 && passed > 0))

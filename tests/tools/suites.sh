#!/usr/bin/env bash
# suites.sh SUITE...: runs test suites one after the other and adds up what they say.
#
# A suite is any command; it is given as NAME=COMMAND. Its output goes to the terminal and to $BUILD/log/NAME.log; its last
# line of the form `N passed, N failed[, N skipped]` (a word with a colon may stand before it) is its result. A suite that
# ends badly without saying so, or that says nothing, counts as one failure: silence is not success. Suites named in
# $VSOCK_SUITES (separated by blanks), if set, are run alone. The last line is the sum over all.
set -uo pipefail

build=${BUILD:-build}
mkdir -p "$build/log"
passed=0
failed=0
skipped=0
summary=()

# Prints "PASSED FAILED SKIPPED" from the log $1; nothing where it has no such line.
result_of() {
  sed -nE 's/^([^ ]+: )?([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\2 \3 \5/p' "$1" | tail -n 1
}

for suite in "$@"; do
  name=${suite%%=*}
  command=${suite#*=}
  log=$build/log/$name.log
  [[ -z ${VSOCK_SUITES:-} || " $VSOCK_SUITES " == *" $name "* ]] || continue
  echo "== $name: $command"
  started=$SECONDS
  bash -c "$command" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  read -r ok bad left < <(result_of "$log")
  if [[ -z ${ok:-} ]]; then
    echo "$name: no result line (exit status $status)"
    ok=0 bad=1
  elif ((status != 0 && bad == 0)); then
    echo "$name: exit status $status without a failed test"
    bad=1
  fi
  passed=$((passed + ok))
  failed=$((failed + bad))
  skipped=$((skipped + ${left:-0}))
  summary+=("$(printf '%-28s %6d passed %4d failed %4d skipped %5d s' "$name" "$ok" "$bad" "${left:-0}" \
    $((SECONDS - started)))")
  unset ok bad left
done

echo "== summary"
printf '%s\n' "${summary[@]}"
if ((passed + failed == 0)); then
  echo "no suite was run"
  failed=1
fi
line="$passed passed, $failed failed"
((skipped == 0)) || line+=", $skipped skipped"
echo "$line"
((failed == 0))

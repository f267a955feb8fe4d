#!/usr/bin/env bash
# guard.sh [--record]: has the path from the server's bytes to a patch become slower?
#
# Counts the instructions of each scenario of hotpath with callgrind and compares them, per item, event or assignment, with
# instructions.tsv. More than 2 % over it is a failure; more than 2 % under it passes, and asks for a new baseline, which
# --record writes. Instructions, unlike seconds, are the same on a busy machine. They are not the same with another compiler, libc or
# valgrind: then they are shown and count as skipped. A scenario is one test; one more is that the count can be repeated.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

build=${BUILD:-build}/guard # of its own: the flags are always the same
baseline=tests/bench/instructions.tsv
units=1000
tolerance_permille=20
passed=0
failed=0
skipped=0

if [[ $# -gt 1 || ${1:---record} != --record ]]; then
  echo "usage: guard.sh [--record]" >&2
  exit 2
fi
record=${1:-}

verdict() { # NAME VERDICT TEXT
  printf '%-6s %-12s %s\n' "$2" "$1" "$3"
  case $2 in
    ok) passed=$((passed + 1)) ;;
    FAIL) failed=$((failed + 1)) ;;
    skip) skipped=$((skipped + 1)) ;;
  esac
}

finish() {
  local line="instructions: $passed passed, $failed failed"
  ((skipped == 0)) || line+=", $skipped skipped"
  echo "$line"
  ((failed == 0))
  exit
}

versions() {
  printf '%s, gcc %s, %s, %s\n' "$(uname -m)" "$(gcc -dumpfullversion)" "$(getconf GNU_LIBC_VERSION)" "$(valgrind --version)"
}

# Prints the instructions of $units times scenario $1. The environment is empty but for what takes the fast variants of string
# functions away that not every machine has; it, too, would move the stack.
count() {
  local out=$build/callgrind.$1 instructions
  if ! env -i GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-BMI2,-EVEX512 "${@:2}" \
    "$(command -v valgrind)" --tool=callgrind --collect-atstart=no --callgrind-out-file="$out" \
    "$build/tests/bench/hotpath" "$1" "$units" >"$out.log" 2>&1; then
    cat "$out.log" >&2
    return 1
  fi
  instructions=$(awk '$1 == "totals:" { print $2 }' "$out")
  [[ $instructions -gt 0 ]] && echo "$instructions"
}

# over A B PERMILLE: A is more than PERMILLE thousandths over B.
over() { (($1 * 1000 > $2 * (1000 + $3))); }

compare() { # SCENARIO INSTRUCTIONS
  local name=$1 now=$(($2 / units)) before text
  before=$(awk -F'\t' -v name="$name" '$1 == name { print $2 }' "$baseline")
  if [[ -z $before ]]; then
    verdict "$name" FAIL "$now instructions; none recorded (guard.sh --record)"
    return
  fi
  text="$now instructions, $before recorded, $(awk "BEGIN { printf \"%+.1f\", ($now / $before - 1) * 100 }") %"
  if [[ $same != yes ]]; then
    verdict "$name" skip "$text"
  elif over "$now" "$before" "$tolerance_permille"; then
    verdict "$name" FAIL "$text"
  elif over "$before" "$now" "$tolerance_permille"; then
    verdict "$name" ok "$text: record the new baseline (guard.sh --record)"
  else
    verdict "$name" ok "$text"
  fi
}

# With another environment, which moves the stack.
repeatable() {
  local first=$1 again
  again=$(count list "PADDING=$(printf '%01234d' 0)") || again=0
  if over "$first" "$again" 1 || over "$again" "$first" 1; then
    verdict repeatable FAIL "list: $first instructions, then $again"
  else
    verdict repeatable ok "list: $first instructions, then $again"
  fi
}

if ! command -v valgrind >/dev/null || ! command -v gcc >/dev/null || [[ $(uname -m) != x86_64 ]]; then
  verdict all skip "needs gcc and valgrind on x86_64"
  finish
fi
env -i PATH="$PATH" make -s BUILD="$build" CC=gcc CFLAGS='-O2 -g' "$build/tests/bench/hotpath"
mapfile -t scenarios < <("$build/tests/bench/hotpath" 2>&1 | awk '/^  / { print $1 }')
now=$(versions)
recorded=$(sed -n 's/^# counted with //p' "$baseline" 2>/dev/null || true)
same=yes
if [[ -z $record && $now != "$recorded" ]]; then
  same=no
  echo "counted here with $now; recorded with ${recorded:-nothing}: not comparable"
fi

declare -A counts
for name in "${scenarios[@]}"; do
  counts[$name]=$(count "$name") || { verdict "$name" FAIL "callgrind or hotpath failed"; finish; }
done
if [[ -n $record ]]; then
  {
    echo "# Instructions per item, event or assignment (hotpath, $units times each); written by tests/bench/guard.sh --record"
    echo "# counted with $now"
    for name in "${scenarios[@]}"; do printf '%s\t%d\n' "$name" $((counts[$name] / units)); done
  } >"$baseline"
fi
for name in "${scenarios[@]}"; do compare "$name" "${counts[$name]}"; done
repeatable "${counts[list]}"
finish

#!/usr/bin/env bash
# run.sh [--short | --long] [--show] [NAME...]: checks the model with spin, in the configurations of that name (default: all
# that are marked short or full; --short: short only; --long: all). --show tells how each state was reached that violates an
# assertion. One search at a time, of at most 4 GB (long: 8 GB). Logs are in $BUILD/model/NAME.
#
# holds: the search must have seen every state, without a violation. fails, reached: an assertion must be violated; the search
# is by breadth, so that its depth is the least. Anything else (a search that was cut short, a model that does not compile) is
# a failure. Last line: `model: N passed, N failed`.
set -uo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-build}
runs=' short full '
show=
names=' '
for argument in "$@"; do
  case $argument in
    --short) runs=' short ' ;;
    --long) runs=' short full long ' ;;
    --show) show=1 ;;
    -*) echo "run.sh: no option $argument" >&2; exit 2 ;;
    *) names+="$argument " ;;
  esac
done
passed=0
failed=0

# figure LOG PATTERN: the number that \1 of the pattern matches, "?" where there is none.
figure() {
  local found
  found=$(sed -nE "s/$2/\\1/p" "$1" | tail -n 1)
  echo "${found:-?}"
}

# search DEFINE...: builds and runs the verifier in the current folder; its words are in pan.log.
search() {
  local optimize=-O2
  [[ $expect == holds ]] || optimize=-O1 # found within a second, compiled in two
  spin -a "$@" "$here/stripes.pml" >spin.log 2>&1 &&
    gcc "$optimize" -w -DSAFETY -DBFS -DNOREDUCE -DMEMLIM="$memory_mb" -o pan pan.c >gcc.log 2>&1 &&
    timeout 1200 ./pan -w22 >pan.log 2>&1
}

# What is wrong with the search in the current folder; nothing where it is as expected.
complaint() {
  local errors
  [[ -s pan.log ]] || { echo "the verifier was not built or not run"; return; }
  errors=$(figure pan.log '.*errors: ([0-9]+)$')
  if [[ $expect != holds ]]; then
    if [[ $errors != 1 ]] || ! grep -q 'assertion violated' pan.log; then echo "NO VIOLATION FOUND"; fi
  elif grep -q 'assertion violated' pan.log; then
    echo "VIOLATED, see --show"
  elif [[ $errors != 0 ]] || ! grep -q '^Full statespace search' pan.log ||
    grep -qiE 'not completed|out of memory|too small|truncated|exceeded|reached -DMEMLIM' pan.log; then
    echo "the search was not completed"
  fi
}

# check NAME EXPECT DEFINE...
check() {
  local name=$1 expect=$2 folder=$build/model/$1 verdict wrong
  shift 2
  rm -rf "$folder"
  mkdir -p "$folder"
  pushd "$folder" >/dev/null || exit
  search "${@/#/-D}"
  wrong=$(complaint)
  if [[ -z $wrong ]]; then
    verdict="ok    $expect"
    passed=$((passed + 1))
  else
    verdict="FAIL  $wrong"
    failed=$((failed + 1))
  fi
  touch pan.log
  printf '%-23s %10s states  depth %3s %7s s %6s MB  %s\n' "$name" "$(figure pan.log ' *([0-9]+) states, stored$')" \
    "$(figure pan.log '.*depth reached ([0-9]+),.*')" "$(figure pan.log '.*elapsed time ([0-9.]+) seconds')" \
    "$(figure pan.log ' *([0-9]+)\.[0-9]+.total actual memory usage')" "$verdict"
  if [[ -n $show && -s stripes.pml.trail ]]; then
    spin -t -T -k stripes.pml.trail "${@/#/-D}" "$here/stripes.pml" 2>&1 | sed '/^spin:/,$d; s/^/    /'
  fi
  rm -f pan pan.[bcmpth]
  popd >/dev/null || exit
}

command -v spin >/dev/null || echo "run.sh: there is no spin; tests/tools/deps.sh test installs it" >&2
while read -r name run expect defines; do
  [[ -n $name && $name != \#* ]] || continue
  if [[ $names == ' ' ]]; then
    [[ $runs == *" $run "* ]] || continue
  else
    [[ $names == *" $name "* ]] || continue
  fi
  memory_mb=4000
  [[ $run != long ]] || memory_mb=8000
  read -ra list <<<"$defines"
  check "$name" "$expect" "${list[@]}"
done <"$here/configurations"
((passed + failed > 0)) || { echo "run.sh: no such configuration" >&2; failed=1; }
echo "model: $passed passed, $failed failed"
((failed == 0))

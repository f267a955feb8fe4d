#!/usr/bin/env bash
# run.sh BUILD: every fuzz target over its corpus, without libFuzzer: a finding once committed stays a test. A target is one test.
set -uo pipefail

build=$1
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
passed=0
failed=0
for source in "$here"/fuzz_*.c; do
  name=$(basename "$source" .c)
  corpus=$here/corpus/${name#fuzz_}
  if [[ -d $corpus ]] && "$build/tests/fuzz/$name" "$corpus"; then
    passed=$((passed + 1))
  else
    echo "FAIL $name over $corpus"
    failed=$((failed + 1))
  fi
done
echo "fuzz: $passed passed, $failed failed"
((failed == 0 && passed > 0))

#!/bin/sh
# Shows that the simulation can fail: each deliberate bug in tests/sim/mutants has to be found within SEEDS seeds (default
# 1,000). Works on a copy of the tree. With names (without .patch) as arguments: only these.
# Last line: "sim-mutants: N passed, N failed".
set -eu

seeds=${SEEDS:-1000}
root=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
passed=0
failed=0

cp -R "$root/Makefile" "$root/controller" "$root/lib" "$copy"
mkdir -p "$copy/tests"
cp -R "$root/tests/sim" "$copy/tests"
cd "$copy"

# The bugs leave things unused; warnings are not what this is about.
build() {
	env -u MAKEFLAGS make -s -j2 WARN= BUILD=build build/tests/sim/sim >build.log 2>&1
}

lose() {
	echo "$1: $2"
	failed=$((failed + 1))
}

try() {
	if ! patch -p1 -s -f <"$2" >patch.log 2>&1; then
		lose "$1" "does not apply any more"
		sed 's/^/  /' patch.log
		return
	fi
	if ! build; then
		lose "$1" "does not build any more"
		tail -n 5 build.log | sed 's/^/  /'
	elif build/tests/sim/sim --seeds "$seeds" --one >run.log 2>&1; then
		lose "$1" "NOT FOUND in $seeds seeds"
	else
		echo "$1: $(grep -aE '^seed .* failed|aborted' run.log | head -n 1)"
		passed=$((passed + 1))
	fi
	cp -R "$root/controller" "$root/lib" .
}

if ! build; then
	cat build.log
	exit 1
fi
if [ $# -eq 0 ]; then
	for patch in tests/sim/mutants/*.patch; do
		try "$(basename "$patch" .patch)" "$patch"
	done
else
	for name; do
		try "$name" "tests/sim/mutants/$name.patch"
	done
fi
echo "sim-mutants: $passed passed, $failed failed"
[ "$failed" -eq 0 ]

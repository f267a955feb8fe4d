#!/bin/sh
# Shows that the simulations can fail: each deliberate bug in tests/sim/mutants has to be found by the simulation of the
# allocator, and each in tests/sim/whole/mutants by the one of whole controllers, within SEEDS seeds (default 1,000, or what a
# line "Seeds: N" before the patch says of a bug that shows seldom). Works on a copy of the tree. With names (without .patch)
# as arguments: only these. First both programs have to pass without a bug: else nothing would be shown. A bug counts as found
# only where the program names the seed that has failed.
# Last line: "sim-mutants: N passed, N failed".
set -eu

seeds=${SEEDS:-1000}
root=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failure='^seed [0-9]+ failed|^sim: seed 0x[0-9a-f]+ aborted'
passed=0
failed=0

cp -R "$root/Makefile" "$root/controller" "$root/lib" "$root/manifests" "$copy"
mkdir -p "$copy/tests"
cp -R "$root/tests/sim" "$root/tests/apisim" "$copy/tests"
cd "$copy"

# The bugs leave things unused; warnings are not what this is about.
build() {
	env -u MAKEFLAGS make -s -j2 WARN= BUILD=build "$@" >build.log 2>&1
}

lose() {
	echo "$1: $2"
	failed=$((failed + 1))
}

# try FILE: the folder that it is in says which program has to find it.
try() {
	name=$(basename "$1" .patch)
	program=build/tests/sim/sim
	within=$(sed -n 's/^Seeds: //p' "$1")
	within=${within:-$seeds}
	[ "$1" != "tests/sim/whole/mutants/$name.patch" ] || program=build/tests/sim/whole
	if ! patch -p1 -s -f <"$1" >patch.log 2>&1; then
		lose "$name" "does not apply any more"
		sed 's/^/  /' patch.log
		cp -R "$root/controller" "$root/lib" .
		return
	fi
	if ! build $program; then
		lose "$name" "does not build any more"
		tail -n 5 build.log | sed 's/^/  /'
	elif $program --seeds "$within" --one >run.log 2>&1; then
		lose "$name" "NOT FOUND in $within seeds"
	elif found=$(grep -aEm 1 "$failure" run.log); then
		echo "$name: $found"
		passed=$((passed + 1))
	else
		lose "$name" "no seed has failed, but $program has:"
		tail -n 5 run.log | sed 's/^/  /'
	fi
	patch -p1 -s -f -R <"$1" # and nothing else, or everything would be built anew
}

if ! build build/tests/sim/sim build/tests/sim/whole; then
	cat build.log
	exit 1
fi
for program in build/tests/sim/sim build/tests/sim/whole; do
	if ! $program --seeds "$seeds" --one >run.log 2>&1; then
		echo "$program fails without any bug:"
		cat run.log
		exit 1
	fi
	echo "no bug: $(tail -n 1 run.log)"
done
if [ $# -eq 0 ]; then
	for patch in tests/sim/mutants/*.patch tests/sim/whole/mutants/*.patch; do
		try "$patch"
	done
else
	for name; do
		patch=tests/sim/mutants/$name.patch
		[ -e "$patch" ] || patch=tests/sim/whole/mutants/$name.patch
		try "$patch"
	done
fi
echo "sim-mutants: $passed passed, $failed failed"
[ "$failed" -eq 0 ]

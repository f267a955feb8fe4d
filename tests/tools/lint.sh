#!/usr/bin/env bash
# lint.sh: formatter, static analysis and shell check over the files that git tracks. Each check is one test; prints what it
# finds and ends with `lint: N passed, N failed`.
set -uo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." || exit

build=${BUILD:-build}
passed=0
failed=0
mapfile -t c_sources < <(git ls-files '*.c')
mapfile -t c_files < <(git ls-files '*.c' '*.h')
mapfile -t bugs < <(git ls-files 'tests/sim/*.patch')
mapfile -t pages < <(git ls-files '*.1' '*.8')
mapfile -t scripts < <(git ls-files '*.sh' '.ci/run')
mapfile -t documents < <(git ls-files '*.md')

# check NAME COUNT COMMAND...: COUNT is how many files it looks at; a check of no files is a failure.
check() {
  local name=$1 count=$2
  shift 2
  if ((count > 0)) && "$@"; then
    echo "ok    $name ($count)"
    passed=$((passed + 1))
  else
    echo "FAIL  $name ($count)"
    failed=$((failed + 1))
  fi
}

# Whether other pages are installed here says nothing of ours.
man_pages() {
  ! mandoc -Tlint -Wstyle "$@" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db'
}

# What no compiler says: functions that are banned, limits of size, the core without I/O.
banned() {
  ! git grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca)\(' -- '*.c' '*.h'
}

core_is_pure() {
  ! git grep -nE '#include *[<"](uv|curl/curl)\.h' -- lib/cid lib/json lib/metrics/registry.c lib/kube/election* \
    controller/allocator* controller/vmi* controller/gate.* controller/kubevirt* controller/mode.* controller/policy* \
    controller/settings.c controller/settings.h controller/write_identity.* tests/sim ':!tests/sim/whole'
}

no_leftovers() {
  ! git grep -nE '\b(TO[D]O|FI[X]ME|X[X]X|HA[C]K)\b' -- '*.c' '*.h' '*.go' '*.sh' Makefile
}

short_functions() {
  local long
  long=$(ctags -f - --fields=+ne --kinds-C=f "${c_sources[@]}" | awk -F'\t' '{ l = 0; e = 0
    for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) l = substr($i, 6); if ($i ~ /^end:/) e = substr($i, 5) }
    if (e - l > 80) print $2 ":" l " " $1 " has " e - l + 1 " lines" }')
  [[ -z $long ]] || { echo "$long"; return 1; }
}

short_files() {
  local long
  long=$(wc -l "${c_files[@]}" | awk '$2 != "total" && $1 > 600 { print $2 " has " $1 " lines" }')
  [[ -z $long ]] || { echo "$long"; return 1; }
}

tidy() {
  printf '%s\n' "${c_sources[@]}" | grep -v '^tests/' |
    xargs -P "$(nproc)" -n 6 bash -c 'clang-tidy-16 --quiet "$@" -- -std=gnu17 -Ilib -I. -Itests -D_GNU_SOURCE \
      2>/dev/null' clang-tidy
}

cpp_check() {
  printf '%s\n' "${c_sources[@]}" | grep -v '^tests/unit/' |
    cppcheck --file-list=- --quiet --error-exitcode=1 --std=c11 --enable=warning,portability,performance \
      --inline-suppr --suppress=missingIncludeSystem --suppress=uninitvar --suppress=varFuncNullUB --suppress=readdirCalled \
      --library=posix -j "$(nproc)" -Ilib -I. -Itests -D_GNU_SOURCE
}

top_level() {
  local extra
  extra=$(git ls-files | cut -d/ -f1 | sort -u | grep -v '^\.' |
    grep -vxE 'Makefile|controller|lib|tests|manifests|README\.md|LICENSE')
  [[ -z $extra ]] || { echo "$extra"; return 1; }
}

# Each row of the table of guarantees names a test that there is. Prints the names.
guarantees() {
  awk -F'`' '/^\| KubeVirt \| Kubernetes/ { table = 1; next } !/^\|/ { table = 0 } table && !/^\|---/ { print $(NF - 1) }' manifests/kubevirt.md
}

guarantees_are_tested() {
  local name status=0
  while IFS= read -r name; do
    grep -qE "^it (both|kube|kube134) $name\$" tests/e2e/cases/*.sh && continue
    echo "manifests/kubevirt.md: a guarantee names no test that there is: $name"
    status=1
  done < <(guarantees)
  return "$status"
}

# Each metric is described where people look for it.
metrics_are_described() {
  local name status=0
  while IFS= read -r name; do
    grep -qF -e "\`$name\`" -e "\`$name{" manifests/monitoring/metrics.md && continue
    echo "manifests/monitoring/metrics.md does not have $name"
    status=1
  done < <(git grep -ohE '"kubevirt_[a-z_]+"' -- controller/exporter.c | tr -d '"' | sort -u)
  return "$status"
}

# The cases of the end-to-end tests are read into one shell, where the last of two functions of one name counts.
no_function_twice() {
  local twice
  twice=$(git grep -hoE '^[a-z_0-9]+\(\)' -- tests/e2e/cases tests/e2e/*.sh ':!tests/e2e/run.sh' ':!tests/e2e/previous.sh' |
    sort | uniq -d)
  [[ -z $twice ]] || { echo "tests/e2e has it twice: $twice"; return 1; }
}

# The simulations' deliberate bugs, which take long to be tried.
bugs_apply() {
  local bug status=0
  for bug; do
    patch -p1 --dry-run --silent --force <"$bug" >/dev/null && continue
    echo "$bug does not apply"
    status=1
  done
  return "$status"
}

# links_of FILE: what its links and pictures point to, "LINE TARGET" each. What is code is none.
links_of() {
  awk '/^ *(```|~~~)/ { code = !code; next } code { next } {
      gsub(/`[^`]*`/, "")
      if (match($0, /^\[[^]]+\]: */)) print FNR, substr($0, RLENGTH + 1)
      while (match($0, /\]\([^)]+\)|(src|srcset|href)="[^"]+"/)) {
        target = substr($0, RSTART, RLENGTH)
        $0 = substr($0, RSTART + RLENGTH)
        gsub(/^(\]\(|[a-z]+=")|[)"]$/, "", target)
        print FNR, target
      } }' "$1"
}

# anchors_of FILE: its headings as links name them: in small letters, without punctuation, the second of a name with -1 and so on.
anchors_of() {
  awk '/^ *(```|~~~)/ { code = !code; next } !code && /^##* /' "$1" |
    LC_ALL=C.UTF-8 sed -E 's/^#+ +//; s/\[([^]]*)\]\([^)]*\)/\1/g; s/.*/\L&/; s/[^[:alnum:] _-]//g; s/ /-/g' |
    awk '{ n = seen[$0]++; print $0 (n ? "-" n : "") }'
}

# is_link FILE TARGET: is the file there, for all who have the repository, and the heading in it?
is_link() {
  local path=${2%%#*} file=$1
  if [[ -n $path ]]; then
    file=$(dirname -- "$1")/$path
    [[ $path != /* && -e $file && -n $(git ls-files -- ":(literal)$file") ]] || return
  fi
  [[ $2 != *'#'* ]] || { [[ $file == *.md ]] && grep -qxF -- "${2#*#}" <(anchors_of "$file"); }
}

# Of links to elsewhere nothing is said: lint asks no network.
links() {
  local document line target status=0
  for document; do
    while read -r line target _; do
      [[ $target =~ ^[a-z][a-z0-9+.-]*: ]] || is_link "$document" "$target" || {
        echo "$document:$line: there is no $target"
        status=1
      }
    done < <(links_of "$document")
  done
  return "$status"
}

mkdir -p "$build/log"
check format ${#c_files[@]} clang-format-16 --dry-run --Werror "${c_files[@]}"
check shellcheck ${#scripts[@]} shellcheck -x "${scripts[@]}"
check man-pages ${#pages[@]} man_pages "${pages[@]}"
check banned-functions ${#c_files[@]} banned
check core-without-io ${#c_files[@]} core_is_pure
check nothing-left-for-later ${#c_files[@]} no_leftovers
check function-length ${#c_sources[@]} short_functions
check file-length ${#c_files[@]} short_files
check top-level 1 top_level
check guarantees-are-tested "$(guarantees | wc -l)" guarantees_are_tested
check metrics-are-described 1 metrics_are_described
check links ${#documents[@]} links "${documents[@]}"
check no-function-twice 1 no_function_twice
check deliberate-bugs-apply ${#bugs[@]} bugs_apply "${bugs[@]}"
check cppcheck ${#c_sources[@]} cpp_check
check clang-tidy ${#c_sources[@]} tidy
echo "lint: $passed passed, $failed failed"
((failed == 0))

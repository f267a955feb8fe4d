#!/usr/bin/env bash
# run.sh BUILD: the recording rules and alerts of manifests/monitoring, by promtool: each alert fires under its condition and not
# near it, and has a runbook with what a runbook has.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
manifests=$here/../../manifests/monitoring
(($# == 1)) || { echo "usage: run.sh BUILD" >&2; exit 2; }
work=$(realpath -- "$1")/monitoring
mkdir -p "$work"
passed=0
failed=0

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@" >"$work/$name.out" 2>&1; then
		passed=$((passed + 1))
	else
		echo "FAIL  $name" && cat "$work/$name.out"
		failed=$((failed + 1))
	fi
}

# rules_of FILE: what a PrometheusRule has, as Prometheus itself reads it.
rules_of() {
	sed -n '/^spec:/,$ { /^spec:/d; s/^  //; p }' "$1"
}

has_runbook() {
	local file=$manifests/runbooks/$1.md part
	[[ $(head -n 1 "$file") == "# $1" ]] || return
	# The alert leads to it as KubeVirt's own do: by its name alone.
	grep -qx " *runbook_url: RUNBOOKS/$1" "$manifests/alerts.yaml" || { echo "no alert leads to $1" && return 1; }
	for part in Meaning Impact Diagnosis Mitigation; do
		grep -qx "## $part" "$file" || { echo "$file has no $part" && return 1; }
	done
}

# Each selector of a metric that all of KubeVirt has names the container, as the Deployment does.
shared_metrics_are_selected() {
	local name selectors=$work/selectors
	name=$(sed -n '/^      containers:/,$ s/^ *- name: //p' "$manifests/../base/deployment.yaml" | head -n 1)
	{
		jq -r '.panels[].targets[]?.expr' "$manifests/dashboard.json"
		sed -n 's/^ *expr: //p' "$manifests/alerts.yaml" "$manifests/recording.yaml"
	} | grep -oE '\b(kubevirt_[a-z_]+|process_[a-z_]+|go_[a-z_]+|up)\b(\{[^}]*\})?' | grep -vE '^(kubevirt_vsock_|cluster:)' >"$selectors"
	(($(wc -l <"$selectors") >= 8)) || { echo "only these were found:" && cat "$selectors" && return 1; }
	! grep -vE "[{,]container=\"$name\"[,}]" "$selectors"
}

for kind in recording alerts; do
	rules_of "$manifests/$kind.yaml" >"$work/$kind.rules.yaml"
	check "$kind" promtool check rules "$work/$kind.rules.yaml"
done
while read -r alert; do
	cp -- "$here/alerts/$alert.yaml" "$work/$alert.yaml" || { failed=$((failed + 1)) && continue; }
	check "$alert" promtool test rules "$work/$alert.yaml"
	check "runbook-$alert" has_runbook "$alert"
done < <(sed -n 's/^ *- alert: //p' "$manifests/alerts.yaml")
check selectors shared_metrics_are_selected
echo "monitoring: $passed passed, $failed failed"
((failed == 0))

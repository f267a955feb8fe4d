# The commands of the runbooks, and the first steps that alerts name, on the real server: in KubeVirt's usual namespace and in that
# of OpenShift, where a command that names the wrong one finds nothing.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2119,SC2120

runbooks=$here/../../manifests/monitoring/runbooks
alerts=$here/../../manifests/monitoring/alerts.yaml

# commands_of_runbook FILE: what stands behind a prompt, a line each.
commands_of_runbook() {
	awk '/^```bash$/ { block = 1; next } /^```$/ { block = 0 } block' "$1" | sed -n 's/^\$ //p'
}

# What the description of each alert begins with, a line each: as far as the bracket or comma behind the command.
first_steps() {
	sed -nE "s/^ *description: '.*First step: (.*)\.'\$/\1/p" "$alerts" | sed -E 's/ \(.*//; s/, then .*//'
}

# installed_in NAMESPACE OVERLAY: KubeVirt is there, and this controller takes over; one VMI is served, one was too late, and of a
# pod that finds no node an event tells.
installed_in() {
	local namespace=$1 overlay=$overlays/$2 options
	bare_server
	addons
	api DELETE "$kubevirt_path/kubevirt" >/dev/null
	kubectl apply -f - >/dev/null <<-END
		apiVersion: kubevirt.io/v1
		kind: KubeVirt
		metadata: {namespace: $namespace, name: kubevirt}
		spec: {configuration: {developerConfiguration: {featureGates: [VSOCK]}}}
	END
	deployed "${kubevirt_path/namespaces\/kubevirt/namespaces\/$namespace}/kubevirt"
	kubectl create clusterrolebinding --clusterrole=kubevirt-synchronization-controller \
		--serviceaccount="$namespace:kubevirt-synchronization-controller" kubevirt-is-here >/dev/null
	"$vmis" create --phase Running late 1 e2e-a
	apply "$overlay"
	kubectl create -f - >/dev/null <<-END
		apiVersion: v1
		kind: Event
		metadata: {namespace: $namespace, name: vsock-cid-controller-7d4f9c6b58-a.1}
		involvedObject: {kind: Pod, namespace: $namespace, name: vsock-cid-controller-7d4f9c6b58-a}
		reason: FailedScheduling
		type: Warning
	END
	"$controlplane" token "$server_dir" "$namespace" vsock-cid-controller >"$server_dir/sa.token"
	mapfile -t options < <(arguments "$overlay")
	start_ready_controller "${options[@]}"
	await_mode takeover
	"$vmis" create one 1 e2e-a
	await "its CID" has_cid e2e-a one-1
}

# as_run OVERLAY COMMAND: about what there is; what changes something is asked of the server without being done, so that the next
# commands find the same. (rollout restart knows no such thing: it is done.) Nobody is at the editor, and there is no pod to name.
as_run() {
	sed -E -e "s|overlays/kubevirt|overlays/$1|; s/-n ITS_NAMESPACE VMI/-n e2e-a one-1/" \
		-e 's/^kubectl .*\b(apply|delete|scale|patch) .*/& --dry-run=server/' -e '/auth can-i/ s/ --dry-run=server$//' \
		-e '/^POD=/ s/items\[0\]/items[*]/' <<<"$2"
}

# in_shell COMMAND: behind the variables that were set before. Output goes to $folder/out and $folder/err.
in_shell() {
	(cd -- "$here/../.." && PATH=$build:$PATH KUBE_EDITOR=true bash -c "$(cat "$folder/variables")"$'\n'"$1") \
		>"$folder/out" 2>"$folder/err" </dev/null
}

# works COMMAND: what it finds is there. An audit that has findings ends with 1 and says nothing to standard error.
works() {
	local status=0
	in_shell "$1" || status=$?
	((status == 0)) || [[ $1 == 'kubectl vsock '* && $1 != *' | '* && $status == 1 && ! -s $folder/err ]] ||
		fail "$1: status $status: $(cat "$folder/err")"
	! grep -iE 'not found|error' "$folder/err" || fail "$1"
}

# run_command OVERLAY COMMAND
run_command() {
	local command
	command=$(as_run "$1" "$2")
	case $command in
	virtctl\ *) return ;; # KubeVirt's own program
	*'pods/https:$POD'*) return ;; # without a kubelet there are no pods, and so nothing to be asked through them,
	*' logs '*' | '*) command=${command%% | *} ;; # and no line of theirs to search
	esac
	works "$command"
	[[ $command != [A-Z]*=* ]] || echo "$command" >>"$folder/variables"
	[[ $command != *' | grep impersonate' ]] || is "rights to act as KubeVirt's account" \
		"impersonate-on:serviceaccount:patch impersonate:serviceaccount" \
		"$(grep -oE 'impersonate[a-z:-]+' "$folder/out" | sort | paste -sd ' ')"
	[[ $command != *'--field-selector involvedObject.kind=Pod'* ]] || grep -q FailedScheduling "$folder/out" || fail "$command"
	[[ ! $command =~ reason=([A-Za-z]+) ]] || grep -rqF "\"${BASH_REMATCH[1]}\"" "$here/../../controller" || fail "no event has it: $command"
	run=$((run + 1))
}

# all_commands_run OVERLAY
all_commands_run() {
	local file command run=0
	for file in "$runbooks"/*.md; do
		echo "LC_ALL=C" >"$folder/variables" # a shell of its own for each
		while IFS= read -r command; do
			run_command "$1" "$command"
		done < <(commands_of_runbook "$file")
	done
	((run > 50)) || fail "only $run commands"
	saw "$run commands of $(find "$runbooks" -name '*.md' | wc -l) runbooks"
	run=0
	echo "LC_ALL=C" >"$folder/variables"
	while IFS= read -r command; do
		[[ $command == 'kubectl '* ]] || fail "this first step is no command: $command"
		run_command "$1" "$command"
	done < <(first_steps)
	is "first steps" "$(grep -c -- '- alert: ' "$alerts")" "$run"
	saw "$run first steps of alerts"
}

it kube every_command_of_the_runbooks_runs
every_command_of_the_runbooks_runs() {
	installed_in kubevirt kubevirt
	all_commands_run kubevirt
	end_well
}

it kube every_command_of_the_runbooks_runs_on_openshift
every_command_of_the_runbooks_runs_on_openshift() {
	installed_in openshift-cnv openshift
	all_commands_run openshift
	end_well
}

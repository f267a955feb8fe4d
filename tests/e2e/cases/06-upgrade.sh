# From the previous version to this one, and away with it all, as manifests/operating.md says. VMs are started all the while.
# shellcheck shell=bash disable=SC2034,SC2154,SC2119,SC2120

previous=$here/previous

# A server without a Deployment controller: tests do what it would, by what the Deployment says.
deployment() {
	kubectl get deployment -n kubevirt vsock-cid-controller -o json | jq -r "$1"
}

# start_pod NAME: a replica with the arguments of the Deployment.
start_pod() {
	local options
	mapfile -t options < <(deployment '.spec.template.spec.containers[0].args[] | select(startswith("--port") | not)')
	start_replica "$1" "${options[@]}"
}

# roll OLD... to NEW...: as a rolling update does: a new one is ready before an old one is told to end.
roll() {
	is "how pods are replaced" '{"maxSurge":1,"maxUnavailable":0}' "$(deployment '.spec.strategy.rollingUpdate | tojson')"
	is "replicas" 2 "$(deployment .spec.replicas)"
	start_pod c
	end_replica a
	start_pod d
	end_replica b
}

# install_previous OVERLAY: as its README told.
install_previous() {
	kubectl apply -f "$previous/$1.yaml" >"$folder/previous" 2>&1 || fail "$(cat "$folder/previous")"
	"$controlplane" token "$server_dir" kubevirt vsock-cid-controller >"$server_dir/sa.token"
}

# upgrade OVERLAY: as ours tells, where nobody has changed anything by hand.
upgrade() {
	kubectl apply --server-side -k "$overlays/$1" >"$folder/upgrade" 2>&1 || fail "$(cat "$folder/upgrade")"
}

# Are the policies those of the previous version? Else the hold is open between the policies and the pods.
policies_stay() {
	[[ $(policy_specs "$previous/$1.yaml") == "$(policy_specs "$folder/rendered.yaml")" ]]
}

policy_specs() {
	objects_in "$1" | jq -c '.items[] | select(.apiVersion | startswith("admissionregistration")) | [.kind, .metadata.name, .spec]' | sort
}

# Where lines are broken, and what comes first, is up to kubectl.
words() {
	tr -s '[:space:]' '\n' <"$1" | sort
}

cids_by_name() {
	"$vmis" list | awk '{ print $1 "/" $2, $6 }' | sort
}

lacks_none_of() {
	yields "CIDs that were there and are not any more, or others" "" comm -23 "$1" <(cids_by_name)
}

# VMs named during-*, until the upgrade is over.
keep_creating() {
	local round
	for ((round = 1; ; round++)); do
		"$vmis" create --in-flight 2 "during-$round" 5 "${namespaces[@]}"
		[[ ! -e $folder/rolled ]] || break
	done
	echo $((5 * round)) >"$folder/created"
}

# upgrades OVERLAY OLD-PROGRAM
upgrades() {
	local creating created new=$program by=us
	make_probes
	install_previous "$1"
	program=$2
	start_pod a
	start_pod b
	program=$new
	as a await_mode takeover
	await "the hold to be closed" hold_says on
	as a await_policies
	start_kubevirt
	follow_history
	"$vmis" create before 100 "${namespaces[@]}"
	await_running 100
	cids_by_name >"$folder/before"
	render "$overlays/$1" "$folder/rendered"
	policies_stay "$1" || by=any
	keep_creating &
	creating=$!
	upgrade "$1"
	roll
	touch "$folder/rolled"
	wait "$creating" || fail "not all could be created"
	created=$(cat "$folder/created")
	saw "$created VMs created while the manifests were applied and the replicas replaced"
	await "c or d to lead" c_or_d_leads
	as d await_mode takeover
	await "the hold to be closed" hold_says on
	"$vmis" create after 20 "${namespaces[@]}"
	await_running $((120 + created))
	lacks_none_of "$folder/before"
	audit_is_clean $((120 + created))
	given_by us before 100
	given_by us after 20
	[[ $by == any ]] || given_by us during "$created"
	history_is_clean "$by"
	# kubectl apply takes nothing away. The Lease is the program's own.
	yields "what is there" "$( (ids "$folder/rendered.json" && echo "Lease kubevirt/vsock-cid-controller") | sort)" ours
	end_replica c
	end_replica d
}

c_or_d_leads() {
	[[ $(holder) == c || $(holder) == d ]]
}

it kube the_previous_manifests_are_upgraded_while_vms_start_and_none_loses_its_cid
the_previous_manifests_are_upgraded_while_vms_start_and_none_loses_its_cid() {
	bare_server
	upgrades kubevirt "$program"
}

it kube134 the_previous_manifests_are_upgraded_on_kubernetes_1_34_too
the_previous_manifests_are_upgraded_on_kubernetes_1_34_too() {
	bare_server "${beta_policies[@]}"
	upgrades kubevirt-v1beta1 "$program"
}

it kube the_previous_program_and_its_manifests_are_upgraded_while_vms_start
the_previous_program_and_its_manifests_are_upgraded_while_vms_start() {
	local old name
	"$here/previous.sh" has 2>"$folder/probe" || skip "git has not the previous version: $(cat "$folder/probe")"
	"$here/previous.sh" render "$(cat "$previous/commit")" "$folder/again"
	for name in kubevirt kubevirt-v1beta1; do
		yields "words of previous/$name.yaml" "$(words "$folder/again/$name.yaml")" words "$previous/$name.yaml"
	done
	old=$("$here/previous.sh" program "$build")
	saw "from $("$old" --version | cut -d' ' -f-2)"
	bare_server
	upgrades kubevirt "$old"
}

# --- removal ----------------------------------------------------------------------------------------------------------

# The commands of a section of manifests/operating.md, a line each, without what it says of them.
commands_of() {
	awk -v title="## $1" '/^## / { in_it = $0 == title } in_it && /^\$ / { sub(/^\$ /, ""); sub(/ +#.*/, ""); print }' \
		"$manifests/../operating.md"
}

# do_step COMMAND: as the README has it, beside the folder manifests.
do_step() {
	if [[ $1 == *"rollout restart deployment -n kubevirt virt-controller" ]]; then
		end_stand_in virt-controller
		stand_in virt-controller
	else
		(cd "$folder" && bash -euc "$1") >>"$folder/steps" 2>&1 || fail "$1: $(cat "$folder/steps")"
	fi
}

# What the others see of a VM must not move because we go.
versions_of() {
	"$vmis" list | grep -oE '^[^ ]+ '"$1"'-[^ ]+' | while read -r namespace name; do
		api GET "$(vmi_path "$namespace" "$name")" | jq -r '"\(.metadata.uid) \(.metadata.resourceVersion) \(.status.VSOCKCID)"'
	done | sort
}

new_vms_start() {
	started=$((started + 10))
	"$vmis" create "$1" 10 "${namespaces[@]}"
	await_running "$started"
}

it kube removed_in_the_documented_order_nobody_waits_and_vms_stay_as_they_are
removed_in_the_documented_order_nobody_waits_and_vms_stay_as_they_are() {
	local steps started=50
	ln -s "$(realpath "$manifests/..")" "$folder/manifests"
	mapfile -t steps < <(commands_of "Giving back")
	is "steps" "configmap -k virt-controller lease" "$(grep -oE ' (configmap|-k|virt-controller|lease) ?' <(printf '%s \n' "${steps[@]}") |
		tr -d ' ' | paste -sd' ')"
	bare_server
	make_probes
	installation=(-k "$overlays/kubevirt")
	install_controller "${installation[@]}"
	start_pod a
	start_pod b
	as a await_mode takeover
	await "the hold to be closed" hold_says on
	as a await_policies
	start_kubevirt
	follow_history
	"$vmis" create kept 50 "${namespaces[@]}"
	await_running 50
	await "the last writes" rests 2
	versions_of kept >"$folder/kept"
	is "VMs that are to stay" 50 "$(wc -l <"$folder/kept")"
	do_step "${steps[0]}"
	new_vms_start open
	do_step "${steps[1]}"
	as a stop_controller # as the kubelet would
	as b stop_controller
	new_vms_start alone
	do_step "${steps[2]}"
	yields "what is left" "Lease kubevirt/vsock-cid-controller" ours
	new_vms_start later
	await "guard to be gone" guard_is off
	"$vmis" delete probe-
	is "VMs whose versions or CIDs have changed" "" "$(comm -3 "$folder/kept" <(versions_of kept))"
	"$build/tests/e2e/audit" --max 4294967294 >"$folder/audit" || fail "$(cat "$folder/audit")"
	saw "$(tail -n 1 "$folder/audit")"
	given_by us kept 50
	given_by kubevirt later 10
	history_is_clean any
	do_step "${steps[3]}"
	nothing_is_left
}

# Who removes us because no replica works any more lets those go that wait for one.
it kube the_first_step_of_removal_lets_vms_go_that_wait_for_a_dead_controller
the_first_step_of_removal_lets_vms_go_that_wait_for_a_dead_controller() {
	local steps
	mapfile -t steps < <(commands_of "Giving back")
	takeover
	stop_controller KILL
	"$vmis" create waiting 10 "${namespaces[@]}"
	await "them to wait" in_phase Scheduling 10
	do_step "${steps[0]}"
	await_running 10
	given_by kubevirt waiting 10
}

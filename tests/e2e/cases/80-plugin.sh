# kubectl vsock, as an admin uses it: by kubectl, on the real server.
# shellcheck shell=bash disable=SC2034,SC2154,SC2119,SC2120

# vsock COMMAND...: on the real server by kubectl, which finds the plugin on the PATH.
vsock() {
	if [[ $server == kube ]]; then
		PATH=$build:$PATH kubectl vsock "$@"
	else
		"$build/kubectl-vsock" "$@"
	fi
}

# status_after COMMAND...: its exit status; output goes to $folder/out and $folder/err.
status_after() {
	local status=0
	"$@" >"$folder/out" 2>"$folder/err" || status=$?
	echo "$status"
}

it both the_plugin_lists_cids_and_why_one_has_none
the_plugin_lists_cids_and_why_one_has_none() {
	local line
	"$vmis" create --phase Running --cid 70001 with 2 e2e-a e2e-b
	"$vmis" create --phase Running late 1 e2e-a
	"$vmis" create --phase Pending waits 1 e2e-b
	"$vmis" create --phase Running --no-vsock other 1 e2e-a
	vsock list -A >"$folder/all"
	is "heading" "NAMESPACE NAME CID PHASE NODE AGE WHY" "$(head -n 1 "$folder/all" | xargs)"
	is "lines" 5 "$(wc -l <"$folder/all")"
	is "one that has it" "e2e-a with-1 70001 Running" "$(awk '$2 == "with-1" { print $1, $2, $3, $4 }' "$folder/all")"
	is "one that is too late" too-late "$(awk '$2 == "late-1" { print $NF }' "$folder/all")"
	is "one that waits" waiting "$(awk '$2 == "waits-1" { print $NF }' "$folder/all")"
	is "names" virtualmachineinstance.kubevirt.io/waits-1 "$(vsock list -n e2e-b -o name | grep waits)"
	is "by JSON" "too-late" "$(vsock list -A -o json | jq -r '.items[] | select(.name == "late-1").lack.reason')"
	is "without a heading" 4 "$(vsock list -A --no-headers | wc -l)"
	set_gates '[]'
	is "with the gate off" gate-off "$(vsock list -A | awk '$2 == "waits-1" { print $NF }')"
	line=$(vsock list -n e2e-c 2>&1)
	[[ $line == "No VMIs"* ]] || fail "an empty namespace says: $line"
	saw "$(sed -n 2p "$folder/all")"
}

it apisim the_plugin_reads_more_events_than_a_page_has
the_plugin_reads_more_events_than_a_page_has() {
	start_ready_controller
	fault '{"verb": "patch", "path": "/apis/kubevirt.io", "userAgent": "vsock-cid-controller"}' '{"status": 403}'
	"$vmis" create --phase Pending refused 620 "${namespaces[@]}"
	await "an event about each" events_are 620
	is "VMIs that were refused" 620 "$(vsock list -A -o json | jq '[.items[] | select(.lack.reason == "refused")] | length')"
	stop_controller
	is "exit status" 0 "$exit_status"
}

events_are() {
	(($(api GET '/api/v1/events?fieldSelector=source=vsock-cid-controller' | jq '.items | length') >= $1))
}

it both the_plugin_follows_changes
the_plugin_follows_changes() {
	local -a watchers=()
	start_ready_controller
	"$build/kubectl-vsock" list -A -w >"$folder/watched" 2>"$folder/watch.err" &
	watchers+=($!)
	await "the heading or the first VMI" test -e "$folder/watched"
	"$vmis" create new 1 e2e-a
	await "a line with its CID" grep -qE 'new-1 +[0-9]+ ' "$folder/watched"
	"$build/kubectl-vsock" list -A -w -o name >"$folder/names" &
	watchers+=($!)
	await "its name, through a pipe or into a file, at once" grep -q /new-1 "$folder/names"
	"$vmis" create more 1 e2e-a
	"$build/kubectl-vsock" list -A -w -o yaml >"$folder/yaml" &
	watchers+=($!)
	await "two documents" grep -qx -- --- "$folder/yaml"
	kill "${watchers[@]}"
	wait "${watchers[@]}"
	is "exit status where it cannot be written" 2 \
		"$(timeout 20 "$build/kubectl-vsock" list -A -w -o name >/dev/full 2>"$folder/err" || echo $?)"
	is "exit status where nobody reads" 141 \
		"$( (set +e +o pipefail; "$build/kubectl-vsock" list -A | true; echo "${PIPESTATUS[0]}") )"
	end_well
}

it apisim the_plugin_works_where_a_standard_stream_is_closed
the_plugin_works_where_a_standard_stream_is_closed() {
	local plugin=$build/kubectl-vsock
	"$vmis" create --phase Running --cid 70001 with 1 e2e-a
	is "exit status without standard input" 0 "$(status_after "$plugin" list -A <&-)"
	grep -q with-1 "$folder/out" || fail "$(cat "$folder/out")"
	is "exit status of what would read it" 2 "$(status_after "$plugin" whois <&-)"
	grep -q "standard input cannot be read" "$folder/err" || fail "$(cat "$folder/err")"
	"$plugin" list -A 2>&- >"$folder/out" || fail "without standard error: status $?"
	grep -q with-1 "$folder/out" || fail "$(cat "$folder/out")"
	is "exit status without standard output" 2 "$("$plugin" list -A 2>"$folder/err" >&- || echo $?)"
	grep -q "standard output cannot be written" "$folder/err" || fail "$(cat "$folder/err")"
	is "exit status without any" 2 "$("$plugin" list -A <&- >&- 2>&- || echo $?)"
}

# The files are what the server answers.
it apisim the_plugin_gives_up_a_list_without_end
the_plugin_gives_up_a_list_without_end() {
	local port=$((20000 + RANDOM % 10000)) body='{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1","continue":"again"},"items":[]}'
	local site=$folder/site/apis/kubevirt.io/v1
	mkdir -p "$site"
	printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" |
		tee "$site/virtualmachineinstances?limit=500" >"$site/virtualmachineinstances?limit=500&continue=again"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$folder/key" -out "$folder/cert" 2>"$folder/err" || fail "$(cat "$folder/err")"
	(cd -- "$folder/site" && exec setpriv --pdeathsig KILL -- openssl s_server -HTTP -accept "127.0.0.1:$port" \
		-key "$folder/key" -cert "$folder/cert" -quiet >"$folder/server.log" 2>&1) &
	await "a server" curl --silent --noproxy '*' --cacert "$folder/cert" -o "$folder/page" \
		"https://127.0.0.1:$port/apis/kubevirt.io/v1/virtualmachineinstances?limit=500"
	printf '{clusters: [{name: a, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %s}}],
		contexts: [{name: a, context: {cluster: a}}], current-context: a}' "$port" "$folder/cert" >"$folder/endless"
	is "exit status" 2 "$(status_after timeout 60 "$build/kubectl-vsock" whois 5 --kubeconfig "$folder/endless")"
	grep -q "does not come to its end" "$folder/err" || fail "$(cat "$folder/err")"
}

# completes WORD...: what a shell is offered in place of the last one.
completes() {
	"$build/kubectl-vsock" __complete "$@" | cut -f1 | xargs
}

it both the_plugin_completes_what_may_come_next
the_plugin_completes_what_may_come_next() {
	local home=$folder/home
	is "commands" "list :4" "$(completes l)"
	is "commands behind a flag" "list :4" "$(completes -n e2e-a l)"
	is "commands behind help" "whois :4" "$(completes help w)"
	is "formats" "json :4" "$(completes list -o j)"
	is "formats in one word" "wide :4" "$(completes list --output=w)"
	is "formats that have no names" "table wide json yaml :4" "$(completes audit -o '')"
	is "flags of a command behind flags" "--watch :4" "$(completes -n e2e-a list --w)"
	is "no -A for probe" ":4" "$(completes probe --all)"
	is "namespaces" "e2e-a e2e-b e2e-c e2e-d e2e-e :4" "$(completes list -n e2e-)"
	is "namespaces in one word" "e2e-b :4" "$(completes list --namespace=e2e-b)"
	is "namespaces before the command" "e2e-c :4" "$(completes -n e2e-c)"
	is "files" ":0" "$(completes audit -f '')"
	mkdir -p "$home/.kube"
	printf '{contexts: [{name: one, context: {cluster: a}}, {name: other, context: {cluster: a}}]}' >"$home/.kube/config"
	is "contexts" "one other :4" "$(unset KUBECONFIG && HOME=$home completes list --context o)"
	is "contexts of several files" "one other :4" "$(KUBECONFIG=$KUBECONFIG:$home/.kube/config completes list --context=o)"
	is "contexts of one file" "other :4" "$(completes --kubeconfig "$home/.kube/config" list --context ot)"
	is "namespaces where nobody answers" ":4" "$(completes --kubeconfig "$home/.kube/config" list -n '' 2>&1)"
}

# on_terminal NAME: what doctor prints on a terminal of that name.
on_terminal() {
	TERM=$1 NO_COLOR='' script -qec "$build/kubectl-vsock doctor || true" "$folder/typescript" </dev/null
}

it apisim the_plugin_is_exact_about_its_command_line
the_plugin_is_exact_about_its_command_line() {
	local plugin=$build/kubectl-vsock what
	for what in --help --version version help 'help list' 'list --help'; do
		# shellcheck disable=SC2086 # words
		is "exit status of $what where it cannot be written" 2 "$("$plugin" $what 2>"$folder/err" >/dev/full || echo $?)"
	done
	is "exit status of help for no command" 2 "$(status_after "$plugin" help nope)"
	grep -q 'unknown command "nope"' "$folder/err" || fail "$(cat "$folder/err")"
	is "exit status of an audit of all namespaces" 0 "$(status_after "$plugin" audit -A)"
	is "exit status of an audit of one" 2 "$(status_after "$plugin" audit -n e2e-a)"
	grep -q "it looks at all namespaces" "$folder/err" || fail "$(cat "$folder/err")"
	[[ $("$plugin" probe --help) != *-A,* ]] || fail "probe offers -A"
	[[ $(on_terminal '') == *" bad"* && $(on_terminal '') != *$'\033'* ]] || fail "without a terminal's name: $(on_terminal '')"
	[[ $(on_terminal xterm) == *$'\033[31mbad'* ]] || fail "no colours: $(on_terminal xterm)"
}

it both the_plugin_tells_whose_a_cid_is
the_plugin_tells_whose_a_cid_is() {
	"$vmis" create --phase Running --cid 70001 with 1 e2e-a
	"$vmis" create --phase Running --cid 70002 other 1 e2e-b
	is "exit status" 0 "$(status_after vsock whois 70001 70002)"
	is "owners" "70001 e2e-a with-1 70002 e2e-b other-1" \
		"$(tail -n +2 "$folder/out" | sort -n | awk '{ print $1, $2, $3 }' | xargs)"
	is "by name" virtualmachineinstance.kubevirt.io/with-1 "$(vsock whois 70001 -o name)"
	is "flags before the command" virtualmachineinstance.kubevirt.io/other-1 "$(vsock -n e2e-b -o name list)"
	is "exit status for an unknown one" 1 "$(status_after vsock whois 70001 5)"
	is "what it says" "No VMI has CID 5." "$(cat "$folder/err")"
	is "from standard input" 70002 "$(printf '70002\n' | vsock whois -o json | jq '.items[0].cid')"
	is "exit status for what is no CID" 2 "$(status_after vsock whois 4294967296)"
	grep -q "is no CID" "$folder/err" || fail "$(cat "$folder/err")"
	is "exit status where it cannot be written" 2 "$(vsock whois 70001 >/dev/full 2>"$folder/err" || echo $?)"
}

it both the_plugin_audits_a_cluster
the_plugin_audits_a_cluster() {
	"$vmis" create --phase Running --cid 70001 good 1 e2e-a
	is "exit status of a clean cluster" 0 "$(status_after vsock audit)"
	grep -q "No findings" "$folder/out" || fail "$(cat "$folder/out")"
	"$vmis" create --phase Running --cid 70002 twin 2 e2e-a e2e-b
	"$vmis" create --phase Running --cid 2 odd 1 e2e-a
	"$vmis" create --phase Running --cid 3000000000 far 1 e2e-b
	"$vmis" create --phase Running missed 1 e2e-c
	is "exit status with findings" 1 "$(status_after vsock audit -o json)"
	is "findings" "duplicate twin-1, duplicate twin-2, missing missed-1, outside far-1, reserved odd-1" \
		"$(jq -r '[.findings[] | "\(.finding) \(.name)"] | sort | join(", ")' "$folder/out")"
	is "range" 2147483647 "$(jq .cluster.range.max "$folder/out")"
	vsock audit >"$folder/table" || true
	grep -qE '^duplicate +70002 +e2e-b +twin-2 ' "$folder/table" || fail "$(cat "$folder/table")"
	saw "$(grep " VMIs, " "$folder/table")"
	is "exit status where it cannot look" 2 "$(status_after vsock audit --kubeconfig "$folder/none")"
}

# why NAMESPACE NAME: what list says of it.
why() {
	vsock list -n "$1" -o json | jq -r --arg name "$2" '.items[] | select(.name == $name).lack.reason'
}

it apisim the_plugin_names_the_mode_that_is_in_force
the_plugin_names_the_mode_that_is_in_force() {
	is "before anybody leads" "coexist expected" "$(vsock audit -o json | jq -r '.cluster.controller | "\(.mode) \(.modeSource)"')"
	vsock audit >"$folder/out"
	grep -q "^Expected mode: coexist: " "$folder/out" || fail "$(cat "$folder/out")"
	start_ready_controller
	await "an event of it" has_mode_event "mode coexist"
	is "at first" "coexist event" "$(vsock audit -o json | jq -r '.cluster.controller | "\(.mode) \(.modeSource)"')"
	fault '{"verb": "patch", "path": "/apis/kubevirt.io", "userAgent": "vsock-cid-controller"}' '{"revertStatus": true}'
	"$vmis" create --phase Pending first 3 e2e-a
	await "an event of it" has_mode_event "mode observe: the CIDs of 3 VMIs in a row were put back"
	"$vmis" create --phase Pending second 3 e2e-b
	vsock audit -o json >"$folder/out"
	is "where writes do not last" "observe event coexist" \
		"$(jq -r '.cluster.controller | "\(.mode) \(.modeSource) \(.expectedMode)"' "$folder/out")"
	vsock audit >"$folder/out"
	grep -q "^Mode: *observe: the CIDs of 3 VMIs in a row were" "$folder/out" || fail "$(cat "$folder/out")"
	status_after vsock doctor -o json >/dev/null
	is "the doctor's word for it" bad "$(checked mode)"
	is "why the first has none" reverted "$(why e2e-a first-1)"
	is "why one has none that nobody serves" observe "$(why e2e-b second-3)"
	vsock list -n e2e-b -o wide | grep -q "mode observe: the CIDs of 3 VMIs" || fail "$(vsock list -n e2e-b -o wide)"
	stop_controller
}

it both the_plugin_finds_cids_that_two_clusters_share_offline
the_plugin_finds_cids_that_two_clusters_share_offline() {
	"$vmis" create --phase Running --cid 70001 one 1 e2e-a
	api GET /apis/kubevirt.io/v1/virtualmachineinstances | jq '{kind: "List", items: .items}' >"$folder/a.json"
	jq '.items[0].metadata.name = "two" | .items[0].metadata.uid = "another"' "$folder/a.json" >"$folder/b.json"
	is "exit status of one" 0 "$(status_after env -u KUBECONFIG "$build/kubectl-vsock" audit -f "$folder/a.json")"
	is "exit status of both" 1 \
		"$(status_after env -u KUBECONFIG "$build/kubectl-vsock" audit -f "$folder/a.json" -f "$folder/b.json" -o json)"
	is "findings" "one-1 in a.json, two in b.json" \
		"$(jq -r '[.findings[] | "\(.name) in \(.file | sub(".*/"; ""))"] | join(", ")' "$folder/out")"
	is "exit status of what is no list" 2 "$(status_after "$build/kubectl-vsock" audit -f "$server_dir/kubeconfig")"
	head -c 300 "$folder/a.json" >"$folder/cut.json"
	is "exit status of half a file" 2 "$(status_after "$build/kubectl-vsock" audit -f "$folder/cut.json")"
	is "exit status of a pipe" 2 "$(status_after "$build/kubectl-vsock" audit -f <(cat "$folder/a.json"))"
	grep -q "has to be a file" "$folder/err" || fail "$(cat "$folder/err")"
	is "exit status of half a file on standard input" 2 "$(status_after "$build/kubectl-vsock" audit -f - <"$folder/cut.json")"
}

it both the_plugin_shows_what_decides_the_gate
the_plugin_shows_what_decides_the_gate() {
	is "open" true "$(vsock gate -o json | jq .open)"
	set_gates '[]' '["VSOCK"]'
	is "closed" false "$(vsock gate -o json | jq .open)"
	vsock gate | grep -q "VSOCK feature gate: *off" || fail "$(vsock gate)"
	saw "$(vsock gate | grep "^VSOCK feature gate")"
}

it kube the_plugin_knows_the_flag_that_overrides_the_gate
the_plugin_knows_the_flag_that_overrides_the_gate() {
	local deployment=/apis/apps/v1/namespaces/kubevirt/deployments/vsock-cid-controller args
	args=$(api GET "$deployment" | jq -c '.spec.template.spec.containers[0].args')
	set_args() {
		kubectl patch deployment -n kubevirt vsock-cid-controller --type=json \
			-p "[{\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/args\", \"value\": $1}]" >/dev/null
	}
	after="set_args $args"
	set_gates '[]'
	"$vmis" create --phase Pending waits 1 e2e-a
	is "without it" false "$(vsock gate -o json | jq .open)"
	set_args '["--feature-gate=on"]'
	is "with it" true "$(vsock gate -o json | jq .open)"
	is "why one has none" waiting "$(vsock list -n e2e-a -o json | jq -r '.items[0].lack.reason')"
	set_args '["--of-a-later-version"]'
	is "with arguments that are not known" false "$(vsock gate -o json | jq .open)"
	is "exit status of an audit then" 0 "$(status_after vsock audit)"
}

# is_narrow COMMAND...: no line of its output is wider than a terminal.
is_narrow() {
	local line
	status_after "$@" >/dev/null
	[[ -s $folder/out ]] || fail "$*: $(cat "$folder/err")"
	line=$(awk 'length($0) > 80' "$folder/out")
	[[ ! $line ]] || fail "$*: wider than 80 columns: $line"
}

it both what_the_plugin_says_fits_a_terminal_of_80_columns
what_the_plugin_says_fits_a_terminal_of_80_columns() {
	"$vmis" create --phase Running --cid 70001 with 2 e2e-a e2e-b
	"$vmis" create --phase Running late 1 e2e-a
	settings '{"cid-min": "none"}'
	after='settings null'
	start_controller
	await_metric kubevirt_vsock_leading_status 1
	set_gates '["VSOCK", "CPUManager", "LiveMigration", "HotplugVolumes", "Snapshot", "VMExport", "DataVolumes", "Sidecar"]'
	is_narrow vsock list -A
	is_narrow vsock doctor
	is_narrow vsock audit
	is_narrow vsock whois 70001
	is_narrow vsock gate
	is "UIDs" 2 "$(vsock whois 70001 -o wide | awk 'NR > 1 && $NF ~ /-.*-.*-.*-/' | wc -l)"
	stop_controller
}

it apisim the_plugin_probes_this_machine
the_plugin_probes_this_machine() {
	"$build/kubectl-vsock" probe --here -o json >"$folder/out"
	grep -qE '^(open|blocked|unsupported|privileged-port-refused)$' <(jq -r .result "$folder/out") || fail "$(cat "$folder/out")"
	saw "$(jq -r .message "$folder/out")"
	is "exit status without an image" 2 "$(status_after "$build/kubectl-vsock" probe)"
	grep -q "no Deployment vsock-cid-controller that you may read" "$folder/err" || fail "$(cat "$folder/err")"
	is "exit status for all namespaces" 2 "$(status_after "$build/kubectl-vsock" probe -A --image some)"
}

it apisim the_plugin_leaves_last_words_only_where_a_pod_has_a_file_for_them
the_plugin_leaves_last_words_only_where_a_pod_has_a_file_for_them() {
	unshare --map-root-user --mount mount -t tmpfs tmpfs /dev 2>"$folder/err" || skip "no /dev of its own: $(cat "$folder/err")"
	# shellcheck disable=SC2016 # the inner shell's
	unshare --map-root-user --mount bash -ec 'mount -t tmpfs tmpfs /dev
		"$0" probe --here >"$1/out"
		ls /dev >"$1/left"
		printf "%01000d" 0 >/dev/termination-log
		"$0" probe --here -o json >"$1/out"
		cp /dev/termination-log "$1/words"' "$build/kubectl-vsock" "$folder"
	is "what it left on a node" '' "$(cat "$folder/left")"
	is "its last words in a pod" "$(jq -cS . "$folder/out")" "$(jq -cS . "$folder/words")"
}

# probe_pod: the pod that a probe has made in e2e-a; as a kubelet would, this test says what became of it.
probe_pod() {
	kubectl get pods -n e2e-a -o name | sed -n 's|^pod/\(vsock-probe-\)|\1|p' | head -n 1
}

has_probe_pod() {
	[[ $(probe_pod) ]]
}

# kubelet_says STATE: JSON, of the container.
kubelet_says() {
	api PATCH "/api/v1/namespaces/e2e-a/pods/$(probe_pod)/status" "$merge" "$(jq -nc --argjson state "$1" '{status:
		{containerStatuses: [{name: "probe", image: "x", imageID: "x", ready: false, restartCount: 0, state: $state}]}}')" >/dev/null
}

it kube the_plugin_probes_in_a_pod_as_any_tenant_has_it_and_takes_it_away
the_plugin_probes_in_a_pod_as_any_tenant_has_it_and_takes_it_away() {
	local words='{"kind":"VSOCKProbe","result":"blocked","message":"blocked","socket":"EPERM"}'
	kubectl create serviceaccount default -n e2e-a >/dev/null 2>&1 || true
	vsock probe -n e2e-a --image example/image -o json >"$folder/out" 2>&1 &
	await "the pod" has_probe_pod
	is "its container" '[["ALL"],"RuntimeDefault",true,false,180]' "$(kubectl get pod -n e2e-a "$(probe_pod)" -o json | jq -c \
		'.spec.activeDeadlineSeconds as $deadline | .spec.containers[0].securityContext |
		[.capabilities.drop, .seccompProfile.type, .runAsNonRoot, .allowPrivilegeEscalation, $deadline]')"
	kubelet_says "$(jq -nc --arg words "$words" '{terminated: {exitCode: 0, message: $words}}')"
	wait "$!" || fail "$(cat "$folder/out")"
	is "what it found" blocked "$(jq -r .result "$folder/out")"
	! has_probe_pod || fail "the pod is left"
	vsock probe -n e2e-a --image example/image --node worker-1 >"$folder/out" 2>&1 &
	await "the pod for a node" has_probe_pod
	is "its node" worker-1 "$(kubectl get pod -n e2e-a "$(probe_pod)" -o jsonpath='{.spec.nodeName}')"
	kubelet_says "$(jq -nc --arg words "$words" '{terminated: {exitCode: 0, message: $words}}')"
	wait "$!" || fail "$(cat "$folder/out")"
	kubectl delete pod -n e2e-a --force --grace-period=0 "$(probe_pod)" >/dev/null 2>&1 # as its kubelet would
	vsock probe -n e2e-a --image example/image >"$folder/out" 2>&1 &
	await "the next pod" has_probe_pod
	kubelet_says '{"waiting": {"reason": "ErrImagePull"}}'
	! wait "$!" || fail "it found something"
	grep -q "does not start: ErrImagePull" "$folder/out" || fail "$(cat "$folder/out")"
	! has_probe_pod || fail "the pod is left"
}

it apisim the_plugin_says_what_it_may_not_see_and_ends_where_that_is_all
the_plugin_says_what_it_may_not_see_and_ends_where_that_is_all() {
	"$vmis" create --phase Pending waits 1 e2e-a
	fault '{"path": "/apis/kubevirt.io/v1/kubevirts", "userAgent": "kubectl-vsock"}' '{"status": 403}'
	is "exit status without the CRs" 0 "$(status_after vsock list -A -o json)"
	is "why one has none" waiting "$(jq -r '.items[0].lack.reason' "$folder/out")"
	is "exit status of gate" 2 "$(status_after vsock gate)"
	is "exit status of audit" 0 "$(status_after vsock audit)"
	grep -q "^Feature gate:  not known" "$folder/out" || fail "$(cat "$folder/out")"
	heal
	fault '{"path": "/api/v1/", "userAgent": "kubectl-vsock"}' '{"status": 403}'
	is "exit status without events" 0 "$(status_after vsock list -A)"
	grep -q "events cannot be read" "$folder/err" || fail "it does not say so"
	heal
	fault '{"path": "/apis/kubevirt.io/v1/virtualmachineinstances", "userAgent": "kubectl-vsock"}' '{"status": 403}'
	is "exit status without VMIs" 2 "$(status_after vsock list -A)"
	is "exit status of a watch" 2 "$(status_after timeout 60 "$build/kubectl-vsock" list -A -w)"
}

it apisim the_plugin_shows_what_happened_while_a_watch_was_broken
the_plugin_shows_what_happened_while_a_watch_was_broken() {
	local watcher
	"$vmis" create --phase Running --cid 70001 old 1 e2e-a
	"$build/kubectl-vsock" list -A -w >"$folder/watched" 2>&1 &
	watcher=$!
	await "the first list" grep -q old-1 "$folder/watched"
	fault '{"verb": "watch", "path": "/apis/kubevirt.io/v1/virtualmachineinstances"}' '{"status": 410}'
	api POST /apisim/watches/close application/json '' >/dev/null
	"$vmis" create --phase Running --cid 70002 new 1 e2e-a
	api POST /apisim/compact application/json '' >/dev/null
	heal
	await "what came meanwhile" grep -q new-1 "$folder/watched"
	is "lines of the one that did not change" 1 "$(grep -c old-1 "$folder/watched")"
	kill "$watcher"
	wait "$watcher" || fail "the watch ended with $?"
}

# The commands in the second column of the table, one a line.
troubleshooting_commands() {
	awk -F'|' '/^\| [^-w]/ { print $3 }' "$here/../../manifests/troubleshooting.md" | tr '\140' '\n' | grep '^kubectl ' | sort -u
}

forget_settings() {
	settings null
	delete "$hold_path"
}

# There are no pods in the test's cluster, and so neither logs of theirs nor a probe in one.
it kube every_command_of_the_troubleshooting_table_runs
every_command_of_the_troubleshooting_table_runs() {
	local command status run=0
	after=forget_settings
	settings '{}'
	kubectl create configmap -n kubevirt vsock-cid-controller-hold
	kubectl apply -k "$manifests" >/dev/null 2>&1
	start_ready_controller
	"$vmis" create one 1 default
	await "its CID" has_cid default one-1
	kubectl get vmi -A -o json >"$folder/b.json"
	while read -r command; do
		[[ $command != *' logs '* && $command != *probe* && $command != *POD* && $command != *' edit '* ]] || continue
		command=${command//NAME/one-1}
		command=${command// CID/ $(cid_of default one-1)}
		status=0
		(cd -- "$folder" && PATH=$build:$PATH bash -c "$command" >out 2>err </dev/null) || status=$?
		((status == 0)) || [[ $command == *vsock* && $status == 1 && ! -s $folder/err ]] ||
			fail "$command: status $status: $(cat "$folder/err")"
		run=$((run + 1))
	done < <(troubleshooting_commands)
	((run > 12)) || fail "only $run commands"
	saw "$run commands"
}

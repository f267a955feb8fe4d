# The program among others: signals, flags, its server, its credentials.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

it both sigterm_waits_for_writes_in_flight
sigterm_waits_for_writes_in_flight() {
	local creating
	start_ready_controller
	"$vmis" create --in-flight 32 many 300 "${namespaces[@]}" &
	creating=$!
	await "a third to be served" metric_is_at_least kubevirt_vsock_cids_in_use 100
	stop_controller TERM
	wait "$creating" || true
	is "exit status" 0 "$exit_status"
	if [[ $server == kube ]]; then
		patches_sent >"$folder/patches"
		is "writes without an answer" 0 "$(grep -vc ' 200$' "$folder/patches" || true)"
	fi
	if ! log_has 'lines dropped'; then
		is "CIDs in the API" "$(grep -c '"msg":"assigned VSOCK CID' "$controller_log")" "$(all_cids | wc -l)"
		saw "$(all_cids | wc -l) of 300 were assigned, and each of them was verified"
	fi
	start_ready_controller
	await "all to be served" all_served
	audit_is_clean 300
	end_well
}

it apisim sigterm_waits_for_a_slow_answer
sigterm_waits_for_a_slow_answer() {
	fault '{"verb": "patch", "path": "/apis/kubevirt.io", "userAgent": "vsock-cid-controller"}' '{"delayBeforeMs": 2000}'
	start_ready_controller
	"$vmis" create slow 1 e2e-a
	await_metric kubevirt_vsock_requests_in_flight 1
	"$vmis" create later 5 e2e-a
	stop_controller TERM
	is "exit status" 0 "$exit_status"
	sed -n '/signal 15/,$p' "$controller_log" | grep 'assigned VSOCK CID' >/dev/null || fail "the answer was not waited for"
}

it apisim a_second_sigterm_ends_it_at_once
a_second_sigterm_ends_it_at_once() {
	fault '{"verb": "patch", "path": "/apis/kubevirt.io", "userAgent": "vsock-cid-controller"}' '{"stall": true}'
	start_ready_controller
	"$vmis" create stuck 1 e2e-a
	await_metric kubevirt_vsock_requests_in_flight 1
	kill -TERM "$controller"
	await "the first signal to be noticed" log_has 'signal 15: no new writes'
	! has_ended || fail "it did not wait for the write in flight"
	stop_controller TERM
	is "exit status" 1 "$exit_status"
	log_has 'signal 15 again: ending at once' || fail "no such log line"
}

# refused ARGUMENT...: exit status 2, one line on stderr, nothing on stdout.
refused() {
	local status=0
	timeout 60 "$build/vsock-cid-controller" "$@" >"$folder/stdout" 2>"$folder/stderr" || status=$?
	is "exit status of $*" 2 "$status"
	is "lines on stderr of $*" 1 "$(wc -l <"$folder/stderr")"
	is "bytes on stdout of $*" 0 "$(wc -c <"$folder/stdout")"
	cat "$folder/stderr" >>"$folder/saw"
}

it both bad_flags_end_it_with_2_and_one_line
bad_flags_end_it_with_2_and_one_line() {
	refused --nonsense
	refused surplus
	refused --cid-min 500000000 --cid-max 400000000
	refused --cid-min 2
	refused --cid-min 10 --cid-max 1000
	refused --cid-max 4294967295
	refused --exclude-cids 7-3
	refused --port 70000
	refused --feature-gate maybe
	refused --quarantine 5x
	refused --writes-in-flight 0
	refused --log-level loud
	refused --tls-cert-file "$folder/only-this"
	refused --kubeconfig "$folder/there-is-none"
	echo 'clusters: [' >"$folder/broken"
	refused --kubeconfig "$folder/broken"
	refused --kubeconfig "$KUBECONFIG" --context nobody
	refused --kubeconfig "$KUBECONFIG" --listen 127.0.0.1 --port 0 --tls-cert-file "$folder/none" --tls-key-file "$folder/none"
}

it both help_and_version_are_printed
help_and_version_are_printed() {
	"$build/vsock-cid-controller" --help >"$folder/help"
	grep -q -- --feature-gate "$folder/help" || fail "no --feature-gate in --help"
	is "lines of --help over 80 columns" 0 "$(grep -cE '.{81}' "$folder/help" || true)"
	"$build/vsock-cid-controller" --version | tee "$folder/saw" | grep libuv >/dev/null || fail "no libuv in --version"
}

it both metrics_and_probes_are_served_over_https
metrics_and_probes_are_served_over_https() {
	local status=0 promtool
	promtool=$("$here/../tools/promtool.sh")
	start_ready_controller
	"$vmis" create some 10 "${namespaces[@]}"
	await "all to be served" all_served
	get /metrics >"$folder/metrics"
	"$promtool" check metrics <"$folder/metrics" >"$folder/promtool" 2>&1 || fail "promtool: $(cat "$folder/promtool")"
	is "what promtool says" "" "$(cat "$folder/promtool")"
	is "body of /healthz" ok "$(get /healthz)"
	is "/leader" true "$(get /leader | jq -r .apiserver.leader)"
	is_status /readyz 200 || fail "/readyz: $(status_of /readyz)"
	is_status /nothing 404 || fail "/nothing: $(status_of /nothing)"
	get /readyz >>"$folder/saw"
	curl --silent --noproxy '*' "https://127.0.0.1:$port/healthz" || status=$?
	is "curl's verdict on the self-signed certificate" 60 "$status"
	status=0
	curl --silent --noproxy '*' "http://127.0.0.1:$port/healthz" || status=$?
	((status != 0)) || fail "plain HTTP is answered"
	end_well
}

it both certificate_files_are_read_again_when_they_change
certificate_files_are_read_again_when_they_change() {
	make_certificate 1001
	start_controller --tls-cert-file "$folder/tls.crt" --tls-key-file "$folder/tls.key"
	await "the first certificate" serves_certificate 1001
	make_certificate 1002
	await "the second certificate" serves_certificate 1002
	echo broken >"$folder/tls.crt"
	await "the broken one to be noticed" log_has '"level":"(warning|error)".*tls.crt'
	serves_certificate 1002 || fail "the last good certificate is gone"
	end_well
}

# Both files are replaced as a mounted Secret's are: by a rename each.
make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=e2e -set_serial "0x$1" \
		-keyout "$folder/new.key" -out "$folder/new.crt" 2>/dev/null
	mv "$folder/new.key" "$folder/tls.key"
	mv "$folder/new.crt" "$folder/tls.crt"
}

serves_certificate() {
	[[ $(openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | openssl x509 -noout -serial) == "serial=$1" ]]
}

it apisim readyz_is_503_until_the_caches_are_complete
readyz_is_503_until_the_caches_are_complete() {
	fault '{"path": "/apis/kubevirt.io/v1/virtualmachineinstances", "userAgent": "vsock-cid-controller"}' \
		'{"status": 503}'
	start_controller
	await "the KubeVirt CRs to be complete" metric_is 'kubevirt_vsock_cache_synced{resource="kubevirts"}' 1
	is "/readyz" 503 "$(status_of /readyz)"
	is "/healthz" 200 "$(status_of /healthz)"
	is "/leader" false "$(get /leader | jq -r .apiserver.leader)"
	get /readyz >>"$folder/saw"
	heal
	await "the controller to be ready" ready
	end_well
}

serves_both() {
	"$vmis" list && api GET "$kubevirt_path" >/dev/null
}

it both crds_that_are_applied_after_the_start_are_found
crds_that_are_applied_after_the_start_are_found() {
	local crd
	if [[ $server == kube ]]; then
		kubectl delete crd "${crds[@]}" --wait --timeout="${patience}s"
	else
		for crd in virtualmachineinstances kubevirts; do
			api POST "/apisim/crds?resource=$crd&present=false"
		done
	fi
	start_controller
	await "the controller to look for them" log_has 'virtualmachineinstances.*(404|NotFound|not found|not serve|no such)'
	is "/readyz" 503 "$(status_of /readyz)"
	if [[ $server == kube ]]; then
		kubectl apply --server-side -f "$crds_folder"
		# It fails at once where there is no status yet, hence again and again.
		await "the CRDs to be established" kubectl wait --for=condition=Established --timeout=10s crd "${crds[@]}"
		await "the API server to serve them" serves_both
	else
		for crd in virtualmachineinstances kubevirts; do
			api POST "/apisim/crds?resource=$crd&present=true"
		done
	fi
	set_gates '["VSOCK"]'
	"$vmis" create late 10 "${namespaces[@]}"
	await "all to be served" all_served
	await "the controller to be ready" ready
	audit_is_clean 10
	end_well
}

# 401: the server does not know it any more.
old_token_is_refused() {
	[[ $(curl --silent --noproxy '*' --cacert "$server_dir/pki/ca.crt" --header "Authorization: Bearer $(cat "$folder/token.old")" \
		--output /dev/null --write-out '%{http_code}' "$APISERVER_URL/api") == 401 ]]
}

it kube a_rotated_token_is_used_when_the_old_one_is_revoked
a_rotated_token_is_used_when_the_old_one_is_revoked() {
	kubectl create secret generic token-binding --namespace kubevirt
	kubectl create token vsock-cid-controller --namespace kubevirt --duration 1h \
		--bound-object-kind Secret --bound-object-name token-binding >"$folder/token"
	start_ready_controller
	"$vmis" create before 3 e2e-a
	await "all to be served" all_served
	cp "$folder/token" "$folder/token.old"
	cp "$server_dir/sa.token" "$folder/token.new"
	mv "$folder/token.new" "$folder/token"
	kubectl delete secret token-binding --namespace kubevirt
	await "the old token to be refused" old_token_is_refused
	"$vmis" create after 3 e2e-a
	await "all to be served" all_served
	audit_is_clean 6
	saw "answers: $(get /metrics | grep '^kubevirt_rest_client_requests_total' | grep -oE 'code="[0-9<a-z>]*"|[0-9]+$' | tr '\n' ' ')"
	end_well
}

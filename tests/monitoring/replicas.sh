# replicas.sh: two replicas with a kubelet's care, as Prometheus sees them in a cluster. Sourced by e2e.sh. What has to be known
# everywhere stands in files, since tests run in shells of their own.
# shellcheck shell=bash disable=SC2154,SC2034

# A container that ended is started again in the same pod, and so under the same labels; a pod that is gone is no target.
pod_of() {
	echo "vsock-cid-controller-7d4f9c6b58-$1"
}

# keep_replica NAME: with the options in $work/options, a line each. $work/rest-NAME: for now there is no such pod.
keep_replica() {
	local name=$1 n=0 status options
	folder=$work/replica-$name
	set +e
	mkdir "$folder"
	exec 2>"$folder/shell" # it comments on how processes end
	write_kubeconfig "$KUBECONFIG" "$folder/kubeconfig"
	[[ $name != b ]] || sed -i -E "s|(server: .*):[0-9]+|\1:$(sed -n 's/^port //p' "$work/proxy.log")|" "$folder/kubeconfig"
	while :; do
		until [[ ! -e $work/rest-$name ]]; do
			sleep 0.1
		done
		n=$((n + 1))
		mapfile -t options <"$work/options"
		env -u KUBECONFIG setpriv --pdeathsig KILL -- "$build/vsock-cid-controller" --kubeconfig "$folder/kubeconfig" \
			--listen 127.0.0.1 --port 0 --log-level debug --identity "$(pod_of "$name")" "${options[@]}" \
			>"$folder/controller-$n.log" 2>&1 &
		echo "$! $folder/controller-$n.log" >"$folder/process.new"
		mv "$folder/process.new" "$folder/process"
		until write_target "$name" || ! kill -0 $! 2>/dev/null; do
			sleep 0.1
		done
		status=0
		wait $! || status=$?
		rm -f "$folder/process"
		[[ ! -e $work/rest-$name ]] || rm -f "$work/targets/$name.json"
		((status != 2)) || break # it does not like its command line
		sleep 0.2
	done
}

# of NAME: sets $pid, $controller_log, and $port, as soon as the process has one. False: none runs, or not yet.
of() {
	pid='' controller_log='' port=''
	read -r pid controller_log 2>/dev/null <"$work/replica-$1/process" || return 1
	port=$(sed -nE 's/.*, port ([0-9]+)".*/\1/p' "$controller_log" | head -n 1)
	[[ $port ]]
}

# write_target NAME: for Prometheus, with the labels that KubeVirt's ServiceMonitor gives. Written beside it first, since
# Prometheus reads when it likes.
write_target() {
	of "$1" || return
	jq -n --arg pod "$(pod_of "$1")" --arg address "127.0.0.1:$port" --arg instance "10.244.0.$((10 + 0x$1)):8443" '[{
		targets: [$address], labels: {job: "kubevirt-prometheus-metrics", service: "kubevirt-prometheus-metrics",
		endpoint: "metrics", container: "vsock-cid-controller", namespace: "kubevirt", pod: $pod, instance: $instance}}]' \
		>"$work/targets/$1.new"
	mv "$work/targets/$1.new" "$work/targets/$1.json"
}

is_ready() {
	of "$1" && ready
}

leads() {
	of "$1" && metric_is kubevirt_vsock_leading_status 1
}

one_leads() {
	leads a || leads b
}

# says_of NAME METRIC VALUE
says_of() {
	of "$1" && metric_is "$2" "$3"
}

both_ready() {
	await "replica a to be ready" is_ready a
	await "replica b to be ready" is_ready b
}

# Both are away, whatever they were doing.
rest() {
	local name
	for name; do
		touch "$work/rest-$name"
		! of "$name" || kill -TERM "$pid"
	done
	for name; do
		await "replica $name to end" no_process "$name"
	done
}

no_process() {
	[[ ! -e $work/replica-$1/process && ! -e $work/targets/$1.json ]]
}

# work_again NAME...
work_again() {
	local name
	for name; do
		rm "$work/rest-$name"
		await "replica $name to be ready" is_ready "$name"
	done
}

# --- virt-handler, as far as its metrics have the names of ours -------------------------------------------------------

run_virt_handler() {
	exec setpriv --pdeathsig KILL -- "$here/virt_handler.py" "$work/virt-handler" 2>"$work/virt-handler/log"
}

start_virt_handler() {
	mkdir "$work/virt-handler"
	background run_virt_handler
	await "virt-handler to listen" test -e "$work/virt-handler/port"
	jq -n --arg address "127.0.0.1:$(cat "$work/virt-handler/port")" '[{targets: [$address], labels: {__scheme__: "http",
		job: "kubevirt-prometheus-metrics", service: "kubevirt-prometheus-metrics", endpoint: "metrics",
		container: "virt-handler", namespace: "kubevirt", pod: "virt-handler-x7k2p", instance: "10.244.0.9:8443"}}]' \
		>"$work/targets/virt-handler.new"
	mv "$work/targets/virt-handler.new" "$work/targets/virt-handler.json"
}

# Until all that the alerts look back at is like that.
virt_handler_works() {
	rm -f "$work/virt-handler/badly"
	await "none of its requests to fail" virt_handler_fails_by 0
}

virt_handler_fails() {
	touch "$work/virt-handler/badly"
	await "all of its requests to fail" virt_handler_fails_by 1
}

# virt_handler_fails_by SHARE: of what it sends. Far more than what the replicas send, or it would prove nothing.
virt_handler_fails_by() {
	local its='kubevirt_rest_client_requests_total{container="virt-handler"' ours='{container="vsock-cid-controller"}'
	[[ $(value "sum(rate($its,code=\"502\"}[12s])) / sum(rate($its}[12s]))") == "$1" &&
		$(value "sum(rate($its}[12s])) > 4 * sum(rate(kubevirt_rest_client_requests_total${ours}[12s]))") ]]
}

# --- the network of replica b -----------------------------------------------------------------------------------------

run_proxy() {
	exec setpriv --pdeathsig KILL -- "$build/tests/e2e/chaos/proxy" "$(cat "$server_dir/port")" <>"$work/network" \
		>"$work/proxy.log" 2>&1
}

# network MODE: see ../e2e/chaos/proxy.c.
network() {
	echo "$1" >"$work/network"
	await "the network of replica b to $1" network_is "$1"
}

network_is() {
	[[ $(grep '^mode' "$work/proxy.log" | tail -n 1) == *" $1" ]]
}

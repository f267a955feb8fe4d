# prometheus.sh: a Prometheus of our own on loopback, and what is asked of it. Sourced by e2e.sh.
# shellcheck shell=bash disable=SC2154,SC2034

# rules_of FILE: what a PrometheusRule has, as Prometheus itself reads it.
rules_of() {
	sed -n '/^spec:/,$ { /^spec:/d; s/^  //; p }' "$1"
}

write_prometheus_config() {
	local kind
	mkdir -p "$work/prometheus" "$work/targets"
	for kind in recording alerts; do
		rules_of "$monitoring/$kind.yaml" >"$work/prometheus/$kind.long.yaml"
		"$here/shorten.sh" <"$work/prometheus/$kind.long.yaml" >"$work/prometheus/$kind.yaml"
	done
	# honor_labels as KubeVirt's ServiceMonitor has it.
	cat >"$work/prometheus/prometheus.yml" <<-END
		global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
		rule_files: [recording.yaml, alerts.yaml]
		scrape_configs:
		- job_name: kubevirt-prometheus-metrics
		  honor_labels: true
		  scheme: https
		  tls_config: {insecure_skip_verify: true}
		  file_sd_configs: [{files: ["$work/targets/*.json"], refresh_interval: 1s}]
	END
}

# It cannot be told to take any free port and to say which.
start_prometheus() {
	local try
	for try in {1..20}; do
		prometheus_url=http://127.0.0.1:$((20000 + RANDOM % 12000))
		background run_prometheus
		prometheus=${groups[-1]}
		await "Prometheus to be ready" prometheus_is_settled
		! prometheus_is_ready || return 0
		grep -q 'address already in use' "$work/prometheus/log" || break
	done
	fail "Prometheus does not start: $(tail -n 5 "$work/prometheus/log")"
}

run_prometheus() {
	exec setpriv --pdeathsig KILL -- prometheus --config.file="$work/prometheus/prometheus.yml" \
		--storage.tsdb.path="$work/prometheus/data" --web.listen-address="${prometheus_url#http://}" \
		>"$work/prometheus/log" 2>&1
}

# Another one may listen there.
prometheus_is_ready() {
	grep -q 'Server is ready' "$work/prometheus/log" && kill -0 "$prometheus" 2>/dev/null
}

prometheus_is_settled() {
	prometheus_is_ready || ! kill -0 "$prometheus" 2>/dev/null
}

# ask PATH [PARAMETER=VALUE]...: of its API; prints .data.
ask() {
	local path=$1 arguments=()
	shift
	for _; do
		arguments+=(--data-urlencode "$1")
		shift
	done
	curl --silent --show-error --noproxy '*' --max-time 60 --get "${arguments[@]}" "$prometheus_url/api/v1/$path" >"$folder/asked" ||
		return
	jq -e 'if .status == "success" then .data else error(.error) end' "$folder/asked"
}

# value EXPRESSION: of its only sample, empty where there is none.
value() {
	ask query query="$1" | jq -r '.result[0].value[1] // ""'
}

# Names of the alerts that fire, a line each.
firing() {
	ask alerts | jq -r '.alerts[] | select(.state == "firing").labels.alertname' | sort -u
}

is_firing() {
	firing >"$folder/firing" && grep -qx "$1" "$folder/firing"
}

is_not_firing() {
	firing >"$folder/firing" && ! grep -qx "$1" "$folder/firing"
}

# How often the alerts were evaluated.
evaluations() {
	curl --silent --noproxy '*' "$prometheus_url/metrics" |
		awk '/^prometheus_rule_group_iterations_total.*vsock-cid-controller.alerts/ { print $2 }'
}

evaluated() {
	(($(evaluations) >= $1))
}

fires() {
	await "$1 to fire" is_firing "$1"
	saw "$(ask alerts | jq -r --arg name "$1" '.alerts[] | select(.labels.alertname == $name and .state == "firing") |
		"\(.labels.severity), value \(.value | tonumber): \(.annotations.description)"' | head -n 1)"
}

clears() {
	await "$1 to clear" is_not_firing "$1"
}

# nothing_but ALERT...: fires now.
nothing_but() {
	firing >"$folder/firing"
	printf '%s\n' "$@" | sort | comm -13 - "$folder/firing" >"$folder/surplus"
	[[ ! -s $folder/surplus ]] || fail "also firing: $(paste -sd ' ' "$folder/surplus")"
}

# dashboard.sh: is the dashboard right, and has each of its queries an answer? Sourced by e2e.sh, and asked when all conditions
# have come and gone.
# shellcheck shell=bash disable=SC2154,SC2034,SC2016

dashboard=$monitoring/dashboard.json

# What Grafana would put in for its variables. The interval is four scrapes at least.
rate_interval=10s

substitute() {
	sed -e "s/\\\$namespace/kubevirt/g; s/\\\$__rate_interval/$rate_interval/g"
}

# Panels as JSON, a line each; rows are none.
panels() {
	jq -c '.panels[] | select(.type != "row")' "$dashboard"
}

every_query() {
	local panel
	ended=$EPOCHSECONDS
	run "the dashboard has panels with queries and descriptions" panels_are_complete
	run "it names no data source and no namespace of its own" nothing_is_hard_coded
	run "its metrics, and those of the rules, are in /metrics" metrics_are_there
	run "its variables have values" variables_have_values
	run "kustomize makes a ConfigMap of it, as Grafana's sidecar looks for, and links the runbooks" is_in_a_configmap
	run "the line for OpenShift leaves panels that its console knows" fits_openshift
	mkdir -p "$work/answers"
	while IFS= read -r panel; do
		run "panel $(jq -r .id <<<"$panel"): $(jq -r .title <<<"$panel")" answers "$panel"
	done < <(panels)
	run "the dashboard is drawn from these answers" is_drawn
}

panels_are_complete() {
	local wanting
	panels >"$folder/panels"
	(($(wc -l <"$folder/panels") >= 20)) || fail "too few panels"
	wanting=$(jq -r 'select((.targets // [] | length) == 0 or any(.targets[]; (.expr // "") == "") or (.description // "") == "" or
		(.title // "") == "") | .id' "$folder/panels")
	[[ ! $wanting ]] || fail "panels that lack a query, title or description: $wanting"
	is "panels that share an id" "" "$(jq -r .id "$folder/panels" | sort | uniq -d)"
	saw "$(wc -l <"$folder/panels") panels, $(jq -r '.targets[].expr' "$folder/panels" | wc -l) queries"
}

nothing_is_hard_coded() {
	is "data sources" '${datasource}' "$(jq -r '[.. | .datasource?.uid? // empty] | unique[]' "$dashboard")"
	is "queries without a data source" 0 "$(panels | jq -s '[.[].targets[] | select(.datasource.uid == null)] | length')"
	is "uid of the dashboard" null "$(jq -c .uid "$dashboard")"
	# Every selector has the variable.
	panels | jq -r '.targets[].expr' >"$folder/queries"
	is "metrics" "$(metric_names <"$folder/queries" | wc -l)" "$(grep -o '{namespace="$namespace"[,}]' "$folder/queries" | wc -l)"
	is "queries that name a namespace" 0 "$(grep -cE 'namespace="[^$]' "$folder/queries" || true)"
}

# Names of the metrics in the queries that come in: what is no function, no keyword, no label and no text.
metric_names() {
	sed -E 's/"[^"]*"//g; s/\{[^}]*\}//g; s/\[[^]]*\]//g; s/\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)//g' |
		grep -oE '[a-zA-Z_:][a-zA-Z0-9_:]* *\(?' | grep -v '(' | sed 's/ *$//' | grep -vxE 'and|or|unless|bool|offset'
}

# What /metrics of the replicas has had at any time: what has no sample yet is not in it.
metrics_are_there() {
	{
		ask label/__name__/values 'match[]={container="vsock-cid-controller"}' | jq -r '.[]'
		sed -n 's/^ *- record: //p' "$monitoring/recording.yaml"
		echo ALERTS # Prometheus's own
	} | sort -u >"$folder/have"
	{
		panels | jq -r '.targets[].expr'
		sed -nE "s/^ *expr: '?(.*[^'])'?\$/\1/p" "$monitoring/alerts.yaml" "$monitoring/recording.yaml" | sed "s/''/'/g"
	} | metric_names | sort -u >"$folder/need"
	(($(wc -l <"$folder/need") > 30)) || fail "only these were found: $(cat "$folder/need")"
	comm -13 "$folder/have" "$folder/need" >"$folder/lacking"
	[[ ! -s $folder/lacking ]] || fail "there is no metric $(paste -sd ' ' "$folder/lacking")"
	saw "$(wc -l <"$folder/need") metrics are used of $(wc -l <"$folder/have")"
}

variables_have_values() {
	local query name label
	is "variables" "datasource namespace" "$(jq -r '[.templating.list[].name] | join(" ")' "$dashboard")"
	is "kind of the data source" prometheus "$(jq -r '.templating.list[0].query' "$dashboard")"
	query=$(jq -r '.templating.list[1].query.query' "$dashboard")
	[[ $query =~ ^label_values\(([a-z_]+),\ ([a-z]+)\)$ ]] || fail "not understood: $query"
	is "$query" '["kubevirt"]' "$(ask "label/${BASH_REMATCH[2]}/values" "match[]=${BASH_REMATCH[1]}" | jq -c .)"
	is "variables that are used" '$__rate_interval $namespace' \
		"$(panels | jq -r '.targets[].expr' | grep -oE '\$[a-z_]+' | sort -u | paste -sd ' ')"
}

# And the alerts lead to where the one value says that the runbooks are.
is_in_a_configmap() {
	local url
	mkdir "$folder/overlay"
	cat >"$folder/overlay/kustomization.yaml" <<-END
		apiVersion: kustomize.config.k8s.io/v1beta1
		kind: Kustomization
		components: [$(realpath --relative-to="$folder/overlay" "$monitoring")]
	END
	kubectl kustomize "$folder/overlay" >"$folder/objects"
	kubectl create --dry-run=client --output json --filename <(awk '/^kind: ConfigMap$/ { found = 1 } { text = text $0 "\n" }
		/^---$/ { if (found) exit; text = "" } END { printf "%s", text }' "$folder/objects") >"$folder/configmap"
	is "name" "kubevirt/vsock-cid-controller-dashboard" "$(jq -r '.metadata | "\(.namespace)/\(.name)"' "$folder/configmap")"
	is "label" 1 "$(jq -r .metadata.labels.grafana_dashboard "$folder/configmap")"
	diff "$dashboard" <(jq -j '.data["vsock-cid-controller.json"]' "$folder/configmap")
	url=$(sed -n 's/^ *- url=//p' "$monitoring/kustomization.yaml")
	sed -n 's/^ *runbook_url: //p' "$folder/objects" >"$folder/urls"
	is "runbooks" "$(sed -n "s|^ *- alert: |$url/|p" "$monitoring/alerts.yaml" | sort)" "$(sort "$folder/urls")"
}

fits_openshift() {
	local filter
	filter=$(sed -n "s/^\$ jq '\(.*\)' dashboard.json.*/\1/p" "$monitoring/README.md")
	jq "$filter" "$dashboard" >"$folder/openshift.json"
	is "types" "graph row singlestat" "$(jq -r '[.panels[].type] | unique | join(" ")' "$folder/openshift.json")"
}

# answers PANEL: each of its queries has values, now where that is what is shown, else over the whole run; and none of them are
# virt-handler's.
answers() {
	local id i query count
	id=$(jq -r .id <<<"$1")
	count=$(jq '.targets | length' <<<"$1")
	for ((i = 0; i < count; i++)); do
		query=$(jq -r ".targets[$i].expr" <<<"$1" | substitute)
		[[ $query != *'$'* ]] || fail "a variable is left: $query"
		ask query_range query="$query" start="$began" end="$ended" step=1 >"$work/answers/$id-$i.json" || fail "$query"
		has_values "$work/answers/$id-$i.json" || fail "empty: $query"
		! is_of_virt_handler "$work/answers/$id-$i.json" "$query" || fail "it shows what virt-handler does: $query"
		if jq -e ".targets[$i].instant" <<<"$1" >/dev/null; then
			ask query query="$query" | jq -e '.result | length > 0' >/dev/null || fail "empty now: $query"
		fi
		saw "$(jq '.result | length' "$work/answers/$id-$i.json") series: $query"
	done
}

has_values() {
	jq -e 'any(.result[].values[][1]; . != "NaN")' "$1" >/dev/null
}

# is_of_virt_handler FILE QUERY: none of ours has its code, and all of ours have a method, which its latencies have not.
is_of_virt_handler() {
	jq -e --argjson methods "$([[ $2 == *"by (method"* ]] && echo true || echo false)" 'any(.result[].metric;
		.container == "virt-handler" or .code == "502" or ($methods and .method == null))' "$1" >/dev/null
}

# The dashboard as a picture, small enough for a README.
is_drawn() {
	local title
	"$build/tests/monitoring/picture" "$dashboard" "$work/answers" \
		"$(date -u +%F): $(promtool --version 2>&1 | awk '{ print "Prometheus " $3; exit }') and two replicas on the real kube-apiserver;\
 each alert was made to fire and to clear, with its minutes cut to seconds" >"$evidence/dashboard.svg"
	while IFS= read -r title; do
		grep -qF ">$(sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' <<<"$title")<" "$evidence/dashboard.svg" || fail "panel $title is not there"
	done < <(jq -r '.panels[].title' "$dashboard")
	(($(stat -c %s "$evidence/dashboard.svg") < 150000)) || fail "too large"
	[[ ! $picture ]] || cp "$evidence/dashboard.svg" "$picture"
	saw "$evidence/dashboard.svg: $(stat -c %s "$evidence/dashboard.svg") bytes"
}

# history.sh: what has been, on the real API server: who asked for what, and each revision of each VMI. Sourced by run.sh.
# shellcheck shell=bash disable=SC2154

audit_log() {
	tail -c "+$((audit_start + 1))" "$server_dir/audit.log"
}

# answers AGENT VERB [CODE]: how many requests about VMIs were answered so, by the beginning of the agent's name.
answers() {
	audit_log | jq -r --arg agent "$1" --arg verb "$2" 'select(.verb == $verb and
		.objectRef.resource == "virtualmachineinstances" and (.userAgent | startswith($agent))) | .responseStatus.code' |
		grep -cx "${3-.*}" || true
}

# What the server was asked to change by us, but for the Lease and the ConfigMap.
writes_of_ours() {
	audit_log | jq -r 'select((.userAgent | startswith("vsock-cid-controller")) and
		(.verb | IN("get", "list", "watch") | not)) | "\(.verb) \(.objectRef.resource) \(.responseStatus.code)"' | sort | uniq -c
}

# Every revision of every VMI from now on, each a line of JSON, as the server tells who watches.
follow_history() {
	local all=/apis/kubevirt.io/v1/virtualmachineinstances from
	from=$(api GET "$all?limit=1" | jq -r .metadata.resourceVersion)
	setpriv --pdeathsig KILL -- curl --silent --no-buffer --noproxy '*' --cacert "$server_dir/pki/ca.crt" \
		--header "@$server_dir/pki/admin.header" "$APISERVER_URL$all?watch=1&resourceVersion=$from" >"$folder/history" &
}

# Lines "TYPE UID NAME VERSION PHASE STARTED CID"; fails where the last line is not whole.
read_history() {
	jq -r '.type as $type | .object | select(.metadata.name | startswith("probe-") | not) | .status as $s | [$type, .metadata.uid, .metadata.namespace + "/" + .metadata.name,
		.metadata.resourceVersion, $s.phase // "-", (($s.phase | IN("Scheduled", "Running", "Succeeded", "Failed")) or
		any($s.phaseTransitionTimestamps[]?; .phase == "Scheduled")), $s.VSOCKCID // "-"] | join(" ")' "$folder/history"
}

versions_now() {
	api GET /apis/kubevirt.io/v1/virtualmachineinstances | jq -r '.items[] | .metadata | "\(.uid) \(.resourceVersion)"' | sort
}

# It ends with what is there now.
history_is_whole() {
	read_history >"$folder/changes" || return 1
	[[ $(awk '{ last[$2] = $4 } $1 == "DELETED" { delete last[$2] } END { for (uid in last) print uid, last[uid] }' \
		"$folder/changes" | sort) == "$(versions_now)" ]]
}

# history_is_clean us|any: at no time had a VMI started without a CID, with a reserved one, with one that a VMI of the same
# time had, or (us) with one of KubeVirt's; and none was changed after that.
history_is_clean() {
	await "the history to be whole" history_is_whole
	awk -v by="$1" -v first="$first_foreign_cid" '
		$6 == "true" && !($2 in done) && $7 == "-" { print "started without a CID:", $0 }
		$6 == "true" && $7 != "-" && ($7 < 3 || $7 > 4294967294) { print "started with a reserved CID:", $0 }
		$6 == "true" && $7 != "-" && by == "us" && $7 >= first { print "started with a CID of KubeVirt:", $0 }
		$6 == "true" && ($2 in done) && done[$2] != $7 { print "changed from", done[$2] ":", $0 }
		$6 == "true" { done[$2] = $7 }
		$1 == "DELETED" { delete done[$2]; delete owner[$7] }
		$6 == "true" && $1 != "DELETED" && $7 != "-" {
			if ($7 in owner && owner[$7] != $2) print "shared:", $0
			owner[$7] = $2
		}' "$folder/changes" >"$folder/violations"
	[[ ! -s $folder/violations ]] || fail "$(head -n 20 "$folder/violations")"
	saw "$(wc -l <"$folder/changes") revisions: none started without a CID, with one that another had, or lost it"
}

# stands_still SECONDS: once KubeVirt has done its last writes nobody writes to a VMI.
stands_still() {
	await "the last writes" rests 2
	rests "$1" || fail "written to within $1 s, perhaps by a component that cannot leave it be: $(comm -13 "$folder"/versions*)"
	saw "no VMI was written to for $1 s"
}

rests() {
	versions_now >"$folder/versions"
	sleep "$1"
	versions_now >"$folder/versions-later"
	cmp --silent "$folder"/versions*
}

#!/usr/bin/env bash
# shorten.sh <RULES: the same rules with minutes cut to seconds, so that a test can wait for them.
#
# RULES is what a PrometheusRule has below spec. Changed is what the two tables below name, and nothing else: a duration that
# they do not know is an error, so that no new rule is tested with a time that nobody has thought about. A range has to hold
# several scrapes of one second; the order of the times stays as it is.
set -euo pipefail

exec awk '
BEGIN {
	split("0m 0s  1m 1s  2m 2s  5m 3s  10m 4s  60m 5s", pending) # for:
	split("[5m] [8s]  [10m] [12s]", ranges)                      # in expressions
	for (i = 1; i in pending; i += 2) known["for " pending[i]] = pending[i + 1]
	for (i = 1; i in ranges; i += 2) known[ranges[i]] = ranges[i + 1]
}

function unknown(what) {
	print "shorten: line " NR ": " what " is not known: " $0 >"/dev/stderr"
	failed = 1
	exit 1
}

# Ranges in brackets one by one; what else looks like a duration is refused (offset, subqueries).
function expression(text,   out, range) {
	while (match(text, /\[[^]]*\]/)) {
		range = substr(text, RSTART, RLENGTH)
		if (!(range in known)) unknown(range)
		out = out substr(text, 1, RSTART - 1) known[range]
		text = substr(text, RSTART + RLENGTH)
	}
	out = out text
	text = out
	gsub(/\[[0-9]+s\]/, "", text)
	gsub(/"[^"]*"/, "", text)
	gsub(/:rate5m/, "", text)
	if (match(text, /(^|[^a-zA-Z0-9_])[0-9]+(ms|[smhdwy])/)) unknown(substr(text, RSTART, RLENGTH))
	# No duration, but a bound in seconds. Up to 75 where all is well: the reads that show the age are a minute apart, a
	# quarter more or less.
	sub(/cache_age_seconds\) > 180/, "cache_age_seconds) > 90", out)
	return out
}

/^ *(- )?(interval|keep_firing_for|limit):/ { unknown($1) }
/^ *for:/ {
	if (!(("for " $2) in known)) unknown($2)
	sub(/for: .*/, "for: " known["for " $2])
}
/^ *expr:/ { $0 = expression($0) }
{ print }
'

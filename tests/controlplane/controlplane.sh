#!/usr/bin/env bash
# controlplane.sh: the real kube-apiserver and etcd on loopback, for tests. README.md says what it is and is
# not.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
shared=$(realpath -m -- "${VSOCK_SHARED_DIR:-$here/../../../shared}")
me=controlplane

# How long to wait, in seconds: far more than it takes, since a machine may be busy with other things.
ready_s=120
stop_s=15
leave_s=10

# How often to look for a port: another process may take it between our look and the server's bind.
port_tries=5
fill_tries=5

# Soft limit of the Go heap. Without one it reached 5 GB after 15,000 writes.
memory=${VSOCK_CONTROLPLANE_MEMORY:-1200MiB}

usage() {
	cat <<-END
		usage: controlplane.sh COMMAND

		  build                     build the servers, the auditor, the stand-ins for KubeVirt and seccomp-profile
		                            (and kubectl, if the installed one is too old)
		  up [--tie PID] DIR        start one in the new folder DIR; with --tie it ends when PID does
		  down DIR                  end it; DIR stays, for its logs
		  stop [--kill] DIR         end the process, orderly or by SIGKILL, to be started again ...
		  start DIR                 ... with the same data, port, keys and tokens
		  run [--keep] -- CMD...    up in a temporary folder, CMD with DIR/env set, then down and away
		  token DIR NAMESPACE NAME  print a token of that ServiceAccount, good for an hour
		  audit DIR [OPTION]...     judge all that ever happened to the VMIs of a running one (cmd/auditor)
		  audit --self-test         show that the auditor finds what it is there to find
		  kubevirt DIR ARGUMENT...  run a stand-in for one of KubeVirt's components (cmd/kubevirt; -h says which)
		  seccomp-profile [CAP]...  print what RuntimeDefault is in containerd for a container that has these
		                            capabilities (cmd/seccomp)

		DIR/env sets KUBECONFIG, APISERVER_URL, CONTROLPLANE_DIR and PATH; DIR/log and DIR/audit.log
		are the server's. variables.md has the environment variables.
	END
}

say() {
	echo "$me: $*" >&2
}

die() {
	say "$@"
	exit 1
}

bad_usage() {
	usage >&2
	exit 2
}

# shellcheck source-path=SCRIPTDIR source=build.sh
source "$here/build.sh"

# --- keys and files, written once per DIR ---------------------------------------------------------

# issue NAME SUBJECT SIGNER EXTENSION...: a P-256 key and its certificate, NAME.key and NAME.crt. SIGNER may
# be NAME.
issue() {
	local name=$1 subject=$2 signer=$3 extension args=()
	shift 3
	for extension; do
		args+=(-addext "$extension")
	done
	[[ $signer == "$name" ]] || args+=(-CA "$signer.crt" -CAkey "$signer.key")
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "$subject" \
		-config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') "${args[@]}" \
		-keyout "$name.key" -out "$name.crt" 2>openssl.log || die "openssl: $(cat openssl.log)"
}

write_keys() (
	mkdir -p -- "$1/pki"
	cd -- "$1/pki"
	for ca in ca front-proxy-ca; do
		issue "$ca" "/CN=controlplane-$ca" "$ca" basicConstraints=critical,CA:TRUE \
			keyUsage=critical,keyCertSign,cRLSign
	done
	issue server /CN=kube-apiserver ca extendedKeyUsage=serverAuth \
		subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc
	issue admin /O=system:masters/CN=admin-by-certificate ca extendedKeyUsage=clientAuth
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out sa.key
	openssl pkey -in sa.key -pubout -out sa.pub
	openssl rand -hex 32 | tr -d '\n' >admin.token
	echo "$(cat admin.token),admin,admin,system:masters" >tokens.csv
	echo "Authorization: Bearer $(cat admin.token)" >admin.header
	rm -f openssl.log
)

# The admin twice: by token, which is the default, and by client certificate.
write_kubeconfig() {
	local dir=$1
	cat >"$dir/kubeconfig" <<-END
		apiVersion: v1
		kind: Config
		current-context: admin
		clusters:
		- name: controlplane
		  cluster:
		    server: https://127.0.0.1:$(cat "$dir/port")
		    certificate-authority-data: $(base64 -w0 "$dir/pki/ca.crt")
		contexts:
		- name: admin
		  context: {cluster: controlplane, user: admin}
		- name: admin-by-certificate
		  context: {cluster: controlplane, user: admin-by-certificate}
		users:
		- name: admin
		  user:
		    token: $(cat "$dir/pki/admin.token")
		- name: admin-by-certificate
		  user:
		    client-certificate: $dir/pki/admin.crt
		    client-key: $dir/pki/admin.key
	END
}

write_env() {
	local dir=$1 folder
	folder=$(kubectl_folder)
	{
		printf 'export KUBECONFIG=%q\n' "$dir/kubeconfig"
		printf 'export APISERVER_URL=%q\n' "https://127.0.0.1:$(cat "$dir/port")"
		printf 'export CONTROLPLANE_DIR=%q\n' "$dir"
		printf 'export KUBECACHEDIR=%q\n' "$dir/kubectl-cache" # another may know this port from before
		[[ -z $folder ]] || printf "export PATH=%q:\"\$PATH\"\n" "$folder"
	} >"$dir/env"
}

# --- the process ----------------------------------------------------------------------------------

# A port that nobody listens on, from below those that the kernel gives to outgoing connections: from there
# somebody could take it while the server is stopped, and a client that dials a port of that range may even
# reach itself.
free_port() {
	local low port
	read -r low _ </proc/sys/net/ipv4/ip_local_port_range
	((low > 12000)) || low=32768
	while :; do
		port=$((10000 + (RANDOM * 32768 + RANDOM) % (low - 10000)))
		(: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# Prints when process $1 started, in ticks since boot: with the pid that names a process for good. Fails if it
# has ended.
start_time() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	read -ra stat <<<"${stat##*) }"
	[[ ${stat[0]} != Z ]] || return 1
	echo "${stat[19]}"
}

# Prints the pid of the server of this DIR, if it runs.
running_pid() {
	local pid started
	read -r pid started 2>/dev/null <"$1/process" || return 1
	[[ $started && $(start_time "$pid") == "$started" ]] || return 1
	echo "$pid"
}

# Starts the process in a session of its own (^C and hang-ups of a terminal are not for it) and without any
# file of the caller open: a pipe held open makes its reader wait, a lock held open stays locked. The grace
# period ends watches at a stop; without it the server waits up to a minute for clients to end theirs.
launch() {
	local dir=$1 fd flags
	read -ra flags <"$dir/flags"
	(
		for fd in "/proc/$BASHPID/fd"/*; do
			((${fd##*/} <= 2)) || eval "exec ${fd##*/}>&-"
		done
		export GOMEMLIMIT=$memory
		exec setsid "$(cat "$dir/binary")" -etcd-data "$dir/etcd" -etcd-url "$dir/etcd.url" -tie "$(cat "$dir/tie")" -- \
			--bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
			--secure-port="$(cat "$dir/port")" \
			--shutdown-watch-termination-grace-period=2s \
			--endpoint-reconciler-type=none --service-cluster-ip-range=10.96.0.0/16 \
			--tls-cert-file="$dir/pki/server.crt" --tls-private-key-file="$dir/pki/server.key" \
			--client-ca-file="$dir/pki/ca.crt" --token-auth-file="$dir/pki/tokens.csv" \
			--requestheader-client-ca-file="$dir/pki/front-proxy-ca.crt" \
			--requestheader-username-headers=X-Remote-User \
			--requestheader-group-headers=X-Remote-Group \
			--service-account-issuer=https://kubernetes.default.svc.cluster.local \
			--service-account-key-file="$dir/pki/sa.pub" \
			--service-account-signing-key-file="$dir/pki/sa.key" \
			--authorization-mode=RBAC --disable-admission-plugins=ServiceAccount \
			--audit-policy-file="$here/audit-policy.yaml" --audit-log-path="$dir/audit.log" \
			--audit-log-mode=blocking --audit-log-maxsize=4096 "${flags[@]}"
	) </dev/null >>"$dir/log" 2>&1 &
	disown # the shell shall not comment on how it ends
	echo $! >"$dir/pid"
	echo "$! $(start_time $!)" >"$dir/process"
}

# get DIR PATH: as admin. Fails unless the answer is a 2xx.
get() {
	curl --silent --fail --output /dev/null --max-time 10 --noproxy '*' --cacert "$1/pki/ca.crt" \
		--header "@$1/pki/admin.header" "https://127.0.0.1:$(cat "$1/port")$2"
}

# await DIR PATH...: until all of them can be read. Fails when the process ends or the time is over.
await() {
	local dir=$1 path end=$((SECONDS + ready_s))
	shift
	for path; do
		until get "$dir" "$path"; do
			running_pid "$dir" >/dev/null || return 1
			((SECONDS < end)) || return 1
			sleep 0.1
		done
	done
}

# Ends the process with a signal and returns when it is gone. No process is fine.
end_process() {
	local dir=$1 signal=$2 pid end=$((SECONDS + stop_s))
	pid=$(running_pid "$dir") || return 0
	kill "-$signal" "$pid" 2>/dev/null || true
	while running_pid "$dir" >/dev/null; do
		if ((SECONDS >= end)); then
			say "process $pid did not stop within $stop_s s: killing it"
			kill -KILL "$pid" 2>/dev/null || true
			end=$((SECONDS + stop_s))
		fi
		sleep 0.05
	done
}

give_up() {
	tail -n 20 "$1/log" >&2 || true
	end_process "$1" KILL
	die "$2; the last lines of $1/log are above"
}

# --- what is in it --------------------------------------------------------------------------------

# Sets $crds to the folder of the CRDs to use.
choose_crds() {
	case ${VSOCK_CRDS-} in
	own) crds=$here/crds ;;
	genuine) crds=$shared/crds ;;
	'') if [[ -d $shared/crds ]]; then crds=$shared/crds; else crds=$here/crds; fi ;;
	*) die "VSOCK_CRDS must be own or genuine, not $VSOCK_CRDS" ;;
	esac
	[[ -d $crds ]] || die "VSOCK_CRDS=genuine, but there is no folder $crds"
}

resources=(/apis/kubevirt.io/v1/virtualmachineinstances?limit=1 /apis/kubevirt.io/v1/kubevirts?limit=1)

# CRDs and the namespace. Server-side, as the genuine CRDs do not fit into the annotation of a client-side
# apply.
fill() (
	# shellcheck source=/dev/null
	source "$1/env"
	kubectl apply --server-side --validate=false -f "$crds" >/dev/null &&
		{ kubectl get namespace kubevirt >/dev/null 2>&1 || kubectl create namespace kubevirt >/dev/null; } &&
		kubectl wait --for=condition=Established --timeout="${ready_s}s" crd --all >/dev/null &&
		await "$1" "${resources[@]}"
)

# --- commands -------------------------------------------------------------------------------------

up() {
	local tie=0 dir try
	if [[ ${1-} == --tie ]]; then
		[[ ${2-} =~ ^[0-9]+$ ]] || bad_usage
		tie=$2
		shift 2
	fi
	(($# == 1)) || bad_usage
	dir=$(realpath -m -- "$1")
	[[ ! -e $dir/port ]] || die "$dir was used before: take another folder, or start what is in it"
	choose_crds
	build_server
	mkdir -p -- "$dir/etcd"
	chmod 700 "$dir" "$dir/etcd"
	umask 077
	binary_path controlplane >"$dir/binary"
	echo "$tie" >"$dir/tie"
	echo "${VSOCK_APISERVER_FLAGS-}" >"$dir/flags"
	write_keys "$dir"
	for ((try = 1; ; try++)); do
		free_port >"$dir/port"
		: >"$dir/log"
		launch "$dir"
		! await "$dir" /readyz || break
		if ((try == port_tries)) || ! grep -q 'address already in use' "$dir/log"; then
			give_up "$dir" "the API server did not become ready"
		fi
	done
	write_kubeconfig "$dir"
	write_env "$dir"
	# More than once: on a busy machine a server that says it is ready may still refuse the first of these.
	for ((try = 1; try <= fill_tries; try++)); do
		fill "$dir" && break
		((try < fill_tries)) || give_up "$dir" "the CRDs could not be installed"
		sleep 1
	done
	say "ready at https://127.0.0.1:$(cat "$dir/port"), CRDs from $crds; use it with . $dir/env"
}

existing() {
	local dir
	(($# == 1)) || bad_usage
	dir=$(realpath -m -- "$1")
	[[ -e $dir/port ]] || die "$dir is not a folder of a control plane"
	echo "$dir"
}

stop() {
	local signal=TERM dir
	if [[ ${1-} == --kill ]]; then
		signal=KILL
		shift
	fi
	dir=$(existing "$@")
	end_process "$dir" "$signal"
}

start() {
	local dir
	dir=$(existing "$@")
	! running_pid "$dir" >/dev/null || die "$dir is running already"
	launch "$dir"
	await "$dir" /readyz "${resources[@]}" || give_up "$dir" "the API server did not become ready again"
}

token() {
	local dir
	(($# == 3)) || bad_usage
	dir=$(existing "$1")
	# shellcheck source=/dev/null
	source "$dir/env"
	kubectl create token --namespace "$2" --duration 1h "$3"
}

audit() {
	local dir
	build_missing auditor
	if [[ ${1-} == --self-test ]]; then
		exec "$(binary_path auditor)" "$@"
	fi
	dir=$(existing "${1-}")
	shift
	exec "$(binary_path auditor)" --etcd "$(cat "$dir/etcd.url")" --audit-log "$dir/audit.log" "$@"
}

# The process becomes the stand-in: whatever ends it, or ends with it, is set up by the caller.
kubevirt() {
	local dir
	(($# >= 2)) || bad_usage
	build_missing kubevirt
	dir=$(existing "${1-}")
	shift
	KUBECONFIG=$dir/kubeconfig exec "$(binary_path kubevirt)" "$@"
}

seccomp_profile() {
	build_missing seccomp
	exec "$(binary_path seccomp)" "$@"
}

# Asks process $1, a child of ours, to end, and makes it.
end_child() {
	local pid=$1 end=$((SECONDS + leave_s))
	kill -TERM "$pid" 2>/dev/null || return 0
	while start_time "$pid" >/dev/null; do
		((SECONDS < end)) || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.05
	done
}

# Whatever CMD left running: it has our DIR in its environment.
end_leftovers() {
	local pid
	grep -lzsxF -- "CONTROLPLANE_DIR=$1" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do
		say "killing process $pid, left over: $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | cut -c1-80)"
		kill -KILL "$pid" 2>/dev/null || true
	done
}

run_finish() {
	local status=$?
	trap '' TERM INT HUP
	[[ -z $run_child ]] || end_child "$run_child"
	end_process "$run_dir" TERM
	end_leftovers "$run_dir" || true
	if [[ $run_keep ]]; then
		say "kept $run_dir"
	else
		rm -rf -- "$run_dir"
	fi
	exit "$status"
}

# Nothing outlives this, in whichever order things die: CMD ends with us by a signal (pdeathsig), we with our
# caller the same way (hence the exec), the server with us (--tie). CMD runs in the background so that a
# signal to us is seen at once; it keeps our standard input and, unlike other background jobs, may be
# interrupted.
run() {
	local status=0
	if [[ ${CONTROLPLANE_RUN-} != "$$" ]]; then
		CONTROLPLANE_RUN=$$ exec setpriv --pdeathsig TERM -- "$BASH" "$here/controlplane.sh" run "$@"
	fi
	run_keep='' run_child=''
	if [[ ${1-} == --keep ]]; then
		run_keep=yes
		shift
	fi
	[[ ${1-} == -- && $# -ge 2 ]] || bad_usage
	shift
	run_dir=$(mktemp -d -- "${TMPDIR:-/tmp}/controlplane.XXXXXX")
	trap run_finish EXIT
	trap 'exit 143' TERM HUP
	trap 'exit 130' INT
	up --tie "$$" "$run_dir"
	(
		# shellcheck source=/dev/null
		source "$run_dir/env"
		exec env --default-signal=INT,QUIT setpriv --pdeathsig TERM -- "$@"
	) <&0 &
	run_child=$!
	wait "$run_child" || status=$?
	running_pid "$run_dir" >/dev/null ||
		say "the server does not run any more; its log ends with: $(tail -n 5 "$run_dir/log")"
	exit "$status"
}

main() {
	local command=${1-}
	(($# == 0)) || shift
	case $command in
	build) build ;;
	up | stop | start | token | audit | kubevirt | run) "$command" "$@" ;;
	seccomp-profile) seccomp_profile "$@" ;;
	down) stop "$@" ;;
	-h | --help | help) usage ;;
	*) bad_usage ;;
	esac
}

main "$@"

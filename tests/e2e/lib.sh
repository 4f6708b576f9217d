# shellcheck shell=bash disable=SC2154,SC2034
# Sourced by each t-* file. $E2E_BIN programs, $E2E_REG registry's address, $E2E the
# work directory, $E2E_WHO root or user.
. "$E2E_LIB/tap.sh"

base=$E2E_REG/base
demo=$E2E_REG/demo

sm() { timeout 120 "$E2E_BIN/supermachine" "$@"; }

# vm [OPTION...] IMAGE [CMD...]
vm() { sm run --quiet "$@"; }

# status_is N COMMAND...: its stdout and stderr go to $out and $err.
out='' err='' status=0
call() {
	local tmp
	tmp=$(mktemp -d)
	status=0
	"$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
	rm -rf "$tmp"
}

# What may not stay behind: processes of ours, VM directories, temporary files.
left_behind() {
	pgrep -s 0 -l supermachine || :
	find "$SUPERMACHINE_HOME/run" -mindepth 1 2>/dev/null || :
	find "$SUPERMACHINE_HOME/store/tmp" -mindepth 1 2>/dev/null || :
	find "$TMPDIR" -mindepth 1 -not -name 'tmp.*' 2>/dev/null || :
}

# After every test. A killed process needs a moment to be gone.
tap_after() {
	local i
	for ((i = 0; i < 20; i++)); do
		[ -n "$(left_behind)" ] || return 0
		sleep 0.1
	done
	fail "left behind: $(left_behind)"
}

# refused PATTERN COMMAND...: one line on stderr that matches, nothing on stdout, status 125.
refused() {
	local pattern=$1
	shift
	call "$@"
	echo "stderr: $err"
	is "$status" 125 status
	is "$out" '' stdout
	is "$(wc -l <<<"$err")" 1 'lines on stderr'
	like "$err" '^supermachine: '
	like "$err" "$pattern"
}

# eventually COMMAND...: within ten seconds.
eventually() {
	local i
	for ((i = 0; i < 100; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	fail "never: $*"
}

# shellcheck shell=bash
# TAP for shell tests. A test is a function named test_PROPERTY; tap_main runs each in a
# subshell of its own with errexit, so the first command that fails fails the test, and
# prints what it wrote as comments when it did. Properties are the names.

tap_number=0
tap_failed=0

tap_say() { # ok|not ok, NAME, DIRECTIVE
	tap_number=$((tap_number + 1))
	printf '%s %d - %s%s\n' "$1" "$tap_number" "${TAP_PREFIX:-}${2#test_}" "${3:+ # $3}"
}

# skip REASON: leaves the running test.
skip() {
	echo "tap-skip: $*"
	exit 77
}

# fail TEXT: leaves the running test with the reason.
fail() {
	echo "$*"
	exit 1
}

# is GOT WANTED [WHAT]
is() {
	[ "$1" = "$2" ] || fail "${3:-value}: got $(printf %q "$1"), wanted $(printf %q "$2")"
}

# like GOT REGEX [WHAT]
like() {
	[[ $1 =~ $2 ]] || fail "${3:-value}: $(printf %q "$1") does not match $2"
}

# A test in a process group of its own, which ends when its time is over.
TAP_SECONDS=${TAP_SECONDS:-180}

tap_run_one() { # FUNCTION
	local out rc pid timer
	out=$(mktemp)
	set -m
	# Not in a condition: that would switch errexit off inside.
	(
		set -euo pipefail
		tap_body "$1"
	) >"$out" 2>&1 </dev/null &
	pid=$!
	(
		sleep "$TAP_SECONDS"
		echo "killed after $TAP_SECONDS s" >>"$out"
		kill -KILL -- -$pid
	) >/dev/null 2>&1 </dev/null &
	timer=$!
	set +m
	wait $pid 2>/dev/null
	rc=$?
	kill -KILL -- -$timer 2>/dev/null
	wait $timer 2>/dev/null
	case $rc in
	0) tap_say ok "$1" ;;
	77) tap_say ok "$1" "SKIP $(sed -n 's/^tap-skip: //p' "$out" | tail -n 1)" ;;
	*)
		tap_failed=$((tap_failed + 1))
		tap_say 'not ok' "$1"
		echo "# status $rc"
		tail -n 40 "$out" | sed 's/^/# /'
		;;
	esac
	rm -f "$out"
}

# A file may define tap_after: it runs after each test, in that test's subshell, and fails
# it by failing.
tap_body() { # FUNCTION
	"$1"
	! declare -F tap_after >/dev/null || tap_after
}

# tap_main [PATTERN]: runs every test_* function, in the order of their definition.
tap_main() {
	local f
	set +e
	shopt -s extdebug
	while read -r f; do
		[[ ${TAP_PREFIX:-}${f#test_} == *${1:-}* ]] || continue
		tap_run_one "$f"
	done < <(declare -F | awk '$3 ~ /^test_/ { print $3 }' |
		while read -r f; do declare -F "$f"; done | sort -k3,3 -k2,2n | awk '{ print $1 }')
	echo "1..$tap_number"
	[ "$tap_failed" = 0 ]
}

# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by the t-* files: a store, a layout and a scratch directory for each test.
. "$IMAGES_LIB/../lib/tap.sh"

mkoci=$IMAGES_LIB/mkoci.py
tree=$IMAGES_LIB/../e2e/tree.py
reg=$IMAGES_REG

tap_before() {
	scratch=$(mktemp -d "$IMAGES_WORK/test.XXXXXX")
	home=$scratch/home
	layout=$scratch/layout
	export HOME=$scratch DOCKER_CONFIG=
	lying_pid=
}

# image VERB ARGUMENT...
image() { timeout 60 "$IMAGES_BIN" "$1" --home "$home" "${@:2}"; }

out='' status=0
call() {
	status=0
	out=$("$@" 2>&1) || status=$?
}

# layer CASE TAG [OPTION...]: an image of one layer in the layout.
layer() {
	"$mkoci" tar "$1" "$scratch/$1.tar"
	"$mkoci" layout "$layout" "$2" "${@:3}" "$scratch/$1.tar"
}

# The paths of the image's layers in the store.
pulled_from() { # REFERENCE [OPTION...]
	image pull "${@:2}" "$1" | jq -re 'if .error then error(.error.text) else .image // empty | .layers[].path end'
}
pulled() { pulled_from "oci:$layout:$1"; }

# refused CODE:REGEX COMMAND...: one error object, nothing left in tmp/.
refused() {
	local code=${1%%:*} pattern=${1#*:}
	shift
	call "$@"
	echo "$out" | grep -v '"progress"' || :
	is "$status" 1 status
	is "$(grep -cv '"progress"' <<<"$out")" 1 'lines'
	[ -z "$code" ] || is "$(jq -r '.error.code // empty' <<<"$out")" "$code" code
	like "$(jq -r '.error.text // empty' <<<"$out")" "${pattern:-.}"
	is "$(find "$home/store/tmp" -mindepth 1 2>/dev/null)" '' 'left in tmp'
}

# umoci needs it to give files to others.
is_root() {
	[ "$(id -u)" = 0 ] || skip 'not root'
}

# Starts the lying registry over the image $1 of the layout.
lying() { # TAG
	local i
	python3 "$IMAGES_LIB/lying.py" "$layout" "$1" >"$scratch/port" 2>"$scratch/lying.log" &
	lying_pid=$!
	for ((i = 0; i < 100; i++)); do
		[ ! -s "$scratch/port" ] || break
		sleep 0.05
	done
	lying_port=$(cat "$scratch/port")
	[ -n "$lying_port" ] || fail "the lying registry: $(cat "$scratch/lying.log")"
}

mounts=()
unmount() {
	local i
	for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do umount "${mounts[i]}"; done
	mounts=()
}

# Also when the test fails.
tap_clean() {
	[ -z "$lying_pid" ] || kill "$lying_pid" 2>/dev/null
	unmount
}

tap_after() {
	is "$(find "$home/store/tmp" -mindepth 1 2>/dev/null)" '' 'left in tmp'
	[ ! -d "$home/store" ] || is "$(image check | jq -c '.problem // .error // empty')" '' 'the store'
	rm -rf "$scratch"
}

tap_body() { # FUNCTION
	tap_before
	trap tap_clean EXIT
	"$1"
	tap_after
}

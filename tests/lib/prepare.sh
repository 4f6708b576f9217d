# shellcheck shell=bash disable=SC2154
# What ./quickstart and ./check both do before anything runs: packages, programs, guest.
# Sourced; needs $top, the clone. Nothing here asks a question or needs a terminal.

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/supermachine

die() { echo "${0##*/}: $*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root or sudo for: $*"
	fi
}

packages_of() { # GROUP...
	local group
	for group; do
		sed -n "s/^$group: //p" "$top/tests/lib/packages"
	done | tr ' ' '\n' | sort -u
}

packages_missing() { # GROUP...
	local want
	mapfile -t want < <(packages_of "$@")
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${want[@]}" 2>/dev/null |
		sed -n 's/^installed //p' | sort -u |
		comm -13 - <(printf '%s\n' "${want[@]}")
}

# The package lists may be fresh, old or absent: refresh them only when apt cannot do without.
packages_install() { # GROUP...
	local missing apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install --no-install-recommends)
	mapfile -t missing < <(packages_missing "$@")
	[ ${#missing[@]} != 0 ] || return 0
	command -v apt-get >/dev/null || die "not a Debian system; please install: ${missing[*]}"
	echo "installing: ${missing[*]}"
	as_root "${apt[@]}" "${missing[@]}" </dev/null && return 0
	as_root apt-get -q update </dev/null && as_root "${apt[@]}" "${missing[@]}" </dev/null
}

# build_program DIR [MESON-OPTION...]: configured once, then only what changed.
build_program() {
	local dir=$1
	shift
	[ -e "$dir/build.ninja" ] || meson setup "$@" "$dir" "$top" </dev/null || return 1
	ninja -C "$dir" </dev/null
}

# build_guest DIR [ARCH]: agent and kernel beside the programs, where those look for them.
build_guest() {
	local dir=$1/${2:-arm64} arch=${2:-arm64} kernel file=Image
	[ "$arch" = arm64 ] || file=vmlinux
	kernel=$("$top/guest/kernel/build" "$arch" | tail -n 1) || return 1
	mkdir -p "$dir"
	# A copy: the cache is in a home directory that other users may not enter.
	cmp -s "$kernel/$file" "$dir/$file" || cp --remove-destination "$kernel/$file" "$dir/$file"
	if [ ! -e "$dir/initrd" ] ||
		[ -n "$(find "$top/guest" -not -path '*/kernel/*' -type f -newer "$dir/initrd" -print -quit)" ]; then
		"$top/guest/agent/build" "$arch" "$dir"
	fi
}

# demo_image: the directory of an OCI layout with the tag "demo", made once.
demo_image() {
	local key dir
	key=$(sha256sum <"$top/tests/lib/mkimage" | cut -c1-12)
	dir=$cache/demo/$key
	if [ ! -e "$dir/index.json" ]; then
		mkdir -p "$cache/demo"
		rm -rf "$dir.new"
		"$top/tests/lib/mkimage" --preset demo --cmd /bin/bash "oci:$dir.new:demo" >&2 || return 1
		rm -rf "$dir"
		mv -T "$dir.new" "$dir" || return 1
	fi
	echo "$dir"
}

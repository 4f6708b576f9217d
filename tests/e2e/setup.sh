# shellcheck shell=bash disable=SC2154,SC2034
# Images and the registry of the end-to-end tests. Sourced by run; uses $top $build $work.

. "$top/tests/lib/prepare.sh"

layout=""

# layer FILE FUNCTION: a tar archive of what FUNCTION makes in an empty directory.
layer() {
	local dir
	dir=$(mktemp -d "$work/layer.XXXXXX")
	(cd "$dir" && "$2")
	tar -C "$dir" -cf "$1" --sort=name --numeric-owner --xattrs --format=posix --mtime=@1600000000 .
	rm -rf "$dir"
}

layer_low() {
	mkdir -p w/dir w/opaque w/kept
	echo low >w/replaced
	echo low >w/removed
	echo low >w/dir/removed
	echo low >w/opaque/hidden
	echo low >w/kept/file
	echo hard >w/hard1
	ln w/hard1 w/hard2
	ln -s ../w/replaced w/symlink
	ln -s /nowhere w/dangling
	mkfifo w/fifo
	echo x >w/suid
	chmod 4755 w/suid
	chmod 1777 w/dir
	: >w/empty
	head -c 100001 /dev/zero | tr '\0' z >w/big
	touch "w/a name with spaces" "w/$(printf 'caf\303\251')"
	mkdir "w/$(printf '%0200d' 7)"
	setfattr -n user.colour -v blue w/kept/file
	setfattr -n user.long -v "$(printf '%0300d' 1)" w/big
	if [ "$(id -u)" = 0 ]; then
		mknod w/null c 1 3
		chown 1234:56789 w/kept/file
		chown -h 7:8 w/symlink
		setfattr -n security.capability -v 0x0100000202000000000000000000000000000000 w/suid
	fi
}

layer_high() {
	mkdir -p w/dir w/opaque w/kept
	echo high >w/replaced
	: >w/.wh.removed
	: >w/dir/.wh.removed
	: >w/opaque/.wh..wh..opq
	echo high >w/opaque/shown
	chmod 1777 w/dir
}

layer_unique() { echo "only this image has it" >unique; }

umo() { umoci "$@"; }

# variant NEW OLD [CONFIG...]: a tag of its own with another configuration.
variant() {
	local new=$1 old=$2
	shift 2
	umo tag --image "$layout:$old" "$new"
	[ $# = 0 ] || umo config --no-history --image "$layout:$new" "$@"
}

setup_images() {
	layout=$work/oci
	"$top/tests/lib/mkimage" --bare --include busybox-static --cmd sh "oci:$layout:base"
	variant nocmd base --clear=config.cmd
	variant configured base --config.env GREETING=hello --config.env "SPACED=a b=c" --config.workingdir /srv/data \
		--config.user 1000:2000 --config.entrypoint /bin/echo --config.entrypoint entry \
		--config.cmd one --config.cmd 'two words'
	variant named base --config.user nobody
	variant amd64 base --architecture amd64
	umo tag --image "$layout:base" layers
	layer "$work/low.tar" layer_low
	layer "$work/high.tar" layer_high
	umo raw add-layer --image "$layout:layers" "$work/low.tar"
	umo raw add-layer --image "$layout:layers" "$work/high.tar"
	umo tag --image "$layout:base" escape
	tar -C / -cf "$work/escape.tar" --format=ustar -P --transform='s,.*,../../escaped,' /etc/hostname
	umo raw add-layer --image "$layout:escape" "$work/escape.tar"
	umo tag --image "$layout:base" corrupt
	layer "$work/unique.tar" layer_unique
	umo raw add-layer --image "$layout:corrupt" "$work/unique.tar"
	mkdir -p "$work/demo"
	cp -a "$(demo_image)/." "$work/demo/"
	# What umoci makes of the layers is what the guest must see, by the same script.
	umo tag --image "$work/demo:demo" tree
	umo raw add-layer --image "$work/demo:tree" "$work/low.tar"
	umo raw add-layer --image "$work/demo:tree" "$work/high.tar"
	if [ "$(id -u)" = 0 ]; then
		umo unpack --image "$work/demo:tree" "$work/unpacked"
		python3 "$top/tests/e2e/tree.py" "$work/unpacked/rootfs/w" >"$work/expected.tree"
		rm -rf "$work/unpacked"
	fi
	chmod -R a+rX "$layout" "$work/demo"
}

setup_registry() {
	local i
	mkdir -p "$work/registry"
	cat >"$work/registry.yml" <<-YML
		version: 0.1
		log: {level: info}
		storage: {filesystem: {rootdirectory: $work/registry}}
		http: {addr: "127.0.0.1:0"}
	YML
	docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
	echo $! >"$work/registry.pid"
	for ((i = 0; i < 100; i++)); do
		grep -o 'listening on 127.0.0.1:[0-9]*' "$work/registry.log" | sed 's/.* //' >"$work/registry.addr"
		[ ! -s "$work/registry.addr" ] || return 0
		sleep 0.1
	done
	cat "$work/registry.log"
	return 1
}

push() { # FROM NAME [OPTION...]
	skopeo copy -q --insecure-policy --dest-tls-verify=false "${@:3}" "$1" \
		"docker://$(cat "$work/registry.addr")/$2"
}

setup_push() {
	local tag
	for tag in base nocmd configured named amd64 layers escape corrupt; do
		push "oci:$layout:$tag" "$tag:latest"
	done
	push "oci:$work/demo:demo" demo:latest
	push "oci:$work/demo:tree" tree:latest
	push "oci:$layout:layers" zstd:latest --dest-compress-format zstd
	push "oci:$layout:base" schema:docker --format v2s2
}

# The registry then serves other bytes for that layer than it promises.
setup_corrupt() {
	local file
	file=$(jq -r '.layers[-1].digest' <(skopeo inspect --raw "oci:$layout:corrupt") | cut -d: -f2)
	file=$(find "$work/registry" -path "*/$file/data")
	printf x | dd of="$file" bs=1 seek=60 conv=notrunc status=none
}


# oci_copy NAME TAG: a layout of its own with one image, for breaking.
oci_copy() {
	skopeo copy -q --insecure-policy "oci:$layout:$2" "oci:$work/broken/$1:x"
}

last_layer() { # NAME
	local dir=$work/broken/$1 manifest
	manifest=$(jq -r '.manifests[0].digest' "$dir/index.json")
	echo "$dir/blobs/sha256/$(jq -r '.layers[-1].digest' "$dir/blobs/sha256/${manifest#sha256:}" | cut -d: -f2)"
}

setup_broken() {
	local name f dir
	mkdir -p "$work/broken"
	# Layers that no good image has: those in the store are not fetched again.
	for name in truncated flipped missing_blob bad_manifest bad_index; do
		oci_copy $name corrupt
	done
	f=$(last_layer truncated)
	truncate -s 50 "$f"
	f=$(last_layer flipped)
	printf x | dd of="$f" bs=1 seek=60 conv=notrunc status=none
	rm "$(last_layer missing_blob)"
	dir=$work/broken/bad_manifest
	f=$dir/blobs/sha256/$(jq -r '.manifests[0].digest' "$dir/index.json" | cut -d: -f2)
	echo '{"schemaVersion":2' >"$f"
	echo 'not json' >"$work/broken/bad_index/index.json"
	mkdir "$work/broken/not_a_layout"
	head -c 100000 /dev/zero >"$work/broken/no_kernel"
	: >"$work/broken/empty_kernel"
	chmod -R a+rX "$work/broken"
}

setup_programs() {
	mkdir -p "$work/bin/arm64" "$work/tests"
	cp "$build"/supermachine{,-worker,-keeper,-image} "$work/bin/"
	cp -L "$build"/arm64/{Image,initrd} "$work/bin/arm64/"
	cp "$top/tests/lib/tap.sh" "$top/tests/lib/pty-run" "$top"/tests/e2e/{t-*,lib.sh,tree.py} "$work/tests/"
	cp -L "$build/libsupermachine.so.0" "$work/bin/"
	cp -r "$top/bindings/python" "$work/python"
	chmod -R a+rX "$work/bin" "$work/tests" "$work/python"
}

e2e_setup() {
	setup_programs
	setup_images
	setup_registry
	setup_push
	setup_corrupt
	setup_broken
}

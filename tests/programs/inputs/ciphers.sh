#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ciphers.sh STEP OPENSSL...: every digest of a text, and every STEPth cipher there and back.
step=$1
shift
text=$(seq 1 2000)
file=$(mktemp)
for digest in $("$@" list -digest-commands); do
	printf '%s ' "$digest"
	echo "$text" | "$@" dgst -r -"$digest" 2>&1 | tail -n 1 | cut -c1-128
done
for cipher in $("$@" list -cipher-commands | tr ' ' '\n' | grep -v -e base64 -e zlib | sed -n "1~${step}p"); do
	key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
	code="-$cipher -K $key -iv ${key%????????????????????????????????}"
	printf '%s ' "$cipher"
	# Words of an option each.
	# shellcheck disable=SC2086
	echo "$text" | "$@" enc $code 2>/dev/null >"$file"
	"$@" dgst -r -sha256 <"$file"
	# shellcheck disable=SC2086
	[ "$("$@" enc -d $code <"$file" 2>/dev/null)" = "$text" ] || echo "not undone"
done
rm "$file"

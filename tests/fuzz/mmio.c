/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/rng.h"
#include "tests/fuzz/script.h"

static int device_make(struct ring_driver *d, bool balloon)
{
	struct virtio_config cfg = ring_config(d);
	struct balloon *b;
	int err;

	if (!balloon)
		return rng_create(&cfg, &d->vd, NULL);
	err = balloon_create(&cfg, &b, NULL);
	if (!err)
		d->vd = balloon_virtio(b);
	return err;
}

/* First byte: which device. After the script its state is saved and must load again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ring_driver d;
	struct buf b;

	if (!len)
		return 0;
	ring_init(&d);
	buf_init(&b, 1 << 16);
	if (!device_make(&d, data[0] & 1)) {
		struct cursor in;

		script_run(&d, data + 1, len - 1, NULL);
		d.vd->dev.ops->quiesce(d.vd);
		assert(!d.vd->dev.ops->save(d.vd, &b, NULL));
		virtio_destroy(d.vd);
		d.vd = NULL;
		if (!device_make(&d, data[0] & 1)) {
			in = cursor_of(b.data, b.len);
			assert(!d.vd->dev.ops->load(d.vd, &in, NULL) && cursor_done(&in));
			/* And the input itself as a hostile state. */
			in = cursor_of(data + 1, len - 1);
			d.vd->dev.ops->load(d.vd, &in, NULL);
		}
	}
	buf_fini(&b);
	ring_fini(&d);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a state holds, and what of a damaged one is refused. Skipped where KVM cannot run Linux. */
#include "hv/kvm/arm64_test.h"

/* The value of a register of vCPU 0 in a state, or NULL. */
static uint8_t *state_reg(const struct buf *b, uint64_t want, size_t *ret_len)
{
	struct cursor in = cursor_of(b->data, b->len);
	uint32_t nr;

	cursor_take(&in, 8 + 4 + 2 + 8);
	nr = cursor_u32(&in);
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t id = cursor_u64(&in);
		size_t len = 1u << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
		size_t at = b->len - in.left;

		assert_non_null(cursor_take(&in, len));
		if (id == want) {
			*ret_len = len;
			return b->data + at;
		}
	}
	return NULL;
}

/* Zeroes what time alone changes: the counters, and the timers' ISTATUS. */
static void state_forget_time(struct buf *b)
{
	static const uint64_t ids[] = {
		KVM_REG_ARM_TIMER_CNT,	       KVM_REG_ARM_TIMER_CTL,
		ARM64_SYS_REG(3, 3, 14, 0, 1), /* CNTPCT */
		ARM64_SYS_REG(3, 3, 14, 2, 0), /* CNTP_TVAL */
		ARM64_SYS_REG(3, 3, 14, 2, 1), /* CNTP_CTL */
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		size_t len = 0;
		uint8_t *value = state_reg(b, ids[i], &len);

		if (value)
			memset(value, 0, len);
	}
}

static uint64_t state_counter(const struct buf *b)
{
	size_t len = 0;
	const uint8_t *value = state_reg(b, KVM_REG_ARM_TIMER_CNT, &len);
	struct cursor in = cursor_of(value, len);

	assert_non_null(value);
	return cursor_u64(&in);
}

static uint64_t state_hz(const struct buf *b)
{
	struct cursor in = cursor_of(b->data, b->len);

	return cursor_u64(&in);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static void expect_same_state(struct buf *was, struct buf *is)
{
	state_forget_time(was);
	state_forget_time(is);
	assert_int_equal(was->len, is->len);
	for (size_t k = 0; k < is->len; k++)
		if (is->data[k] != was->data[k])
			fail_msg("byte %zu of %zu: 0x%x, not 0x%x", k, is->len, is->data[k], was->data[k]);
}

/* Saved in the middle of its work, with a line high and an edge pending. */
static void loaded_state_is_what_was_saved(void **state)
{
	struct buf was, is;
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_work, guest_work_end);
	rig_run(&m);
	assert_true(rig_goes_on(&m));
	rig_pause(&m);
	for (int i = 0; i < 3; i++) {
		uint64_t from, passed;

		hv_irq_set(m.vm, ARM64_PL011_INTID, i != 1);
		hv_irq_set(m.vm, ARM64_VIRTIO_INTID(5), true);
		hv_irq_set(m.vm, ARM64_VIRTIO_INTID(5), false);
		rig_save(&m, &was);
		rig_stop(&m);
		nap(200);
		rig_start(&m, 1);
		from = now_us();
		rig_load(&m, &was);
		rig_save(&m, &is);
		/* The guest's time stood still. */
		passed = state_counter(&is) - state_counter(&was);
		assert_true(passed <= (now_us() - from + 1000) * state_hz(&was) / 1000000);
		expect_same_state(&was, &is);
		buf_fini(&was);
		buf_fini(&is);
	}
	rig_fini(&m);
}

/* ---- damage ---- */

static int try_load(struct rig *m, const uint8_t *data, size_t len)
{
	struct cursor in = cursor_of(data, len);
	struct sm_err e = { 0 };
	int r = hv_vcpu_load(m->vcpu[0], &in, &e);

	if (!r)
		r = hv_vm_load(m->vm, &in, &e);
	if (r < 0)
		assert_int_not_equal(e.text[0], 0);
	return r;
}

/* No prefix of a state is taken. */
static void load_refuses_cuts(void **state)
{
	struct buf b;
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_basic, guest_basic_end);
	rig_save(&m, &b);
	for (size_t len = 0; len < b.len; len += 61)
		assert_true(try_load(&m, b.data, len) < 0);
	assert_true(try_load(&m, b.data, b.len - 1) < 0);
	assert_int_equal(try_load(&m, b.data, b.len), 0);
	buf_fini(&b);
	rig_fini(&m);
}

/*
 * A bit turned in the frequency, the power state, the count or an id is refused; one in a
 * value may be a state too. Whatever it is, nobody falls over it, and a good state loads.
 */
static void load_withstands_turned_bits(void **state)
{
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	uint32_t seed = 12345;
	struct buf b;
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_basic, guest_basic_end);
	rig_save(&m, &b);
	for (size_t i = 0; i < 22 + 4 + 8; i++) {
		if (i >= 12 && i < 22)
			continue;
		b.data[i] ^= (uint8_t)(1u << i % 8);
		assert_true(try_load(&m, b.data, b.len) < 0);
		b.data[i] ^= (uint8_t)(1u << i % 8);
	}
	for (int n = 0; n < 300; n++) {
		size_t at = 12 + (seed = seed * 1664525u + 1013904223u) / 8 % (b.len - 12);
		uint8_t bit = (uint8_t)(1u << (seed >> 29));

		b.data[at] ^= bit;
		if (!try_load(&m, b.data, b.len)) {
			struct sm_err e = { 0 };

			x.reason = HV_EXIT_KICKED;
			hv_vcpu_kick(m.vcpu[0]);
			(void)hv_vcpu_run(m.vcpu[0], &x, &e);
		}
		b.data[at] ^= bit;
	}
	rig_stop(&m);
	rig_start(&m, 1);
	assert_int_equal(try_load(&m, b.data, b.len), 0);
	x.reason = HV_EXIT_KICKED;
	expect(&m, &x, ARM64_PL011_BASE, 8, true, 0x100);
	buf_fini(&b);
	rig_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loaded_state_is_what_was_saved),
		cmocka_unit_test(load_refuses_cuts),
		cmocka_unit_test(load_withstands_turned_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

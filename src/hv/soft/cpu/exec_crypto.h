/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of AES, SHA-1, SHA-256 and the 64-bit PMULL. */
#ifndef HV_SOFT_CPU_EXEC_CRYPTO_H
#define HV_SOFT_CPU_EXEC_CRYPTO_H

#include "hv/soft/cpu/row.h"

op_fn crypto_aese, crypto_aesd, crypto_aesmc, crypto_aesimc;
op_fn crypto_sha1c, crypto_sha1p, crypto_sha1m, crypto_sha1su0, crypto_sha1h, crypto_sha1su1;
op_fn crypto_sha256h, crypto_sha256h2, crypto_sha256su1, crypto_sha256su0;
op_fn crypto_pmull64; /* ra: half */

/* The handler that does the same with the host's instructions, or itself if there is none. */
op_fn *crypto_host(op_fn *portable);
/* One for `first` and the op behind it together, or NULL. */
op_fn *crypto_fuse(const struct op *first);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, reflected), without the inversions at both ends: formats differ there. */
#ifndef UTIL_CRC32C_H
#define UTIL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_INIT (~0u)

uint32_t crc32c_add(uint32_t crc, const void *data, size_t len);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For cppcheck alone, which does not read the headers of libraries: the macros that would stop it. */
#ifndef NW_STATIC_MACROS_H
#define NW_STATIC_MACROS_H

#define LIBBPF_OPTS(type, name, ...) struct type name = { .sz = sizeof(struct type), __VA_ARGS__ }
#define json_array_foreach(array, i, value)                                                                  \
	for (i = 0; i < json_array_size(array) && (value = json_array_get(array, i)); i++)

#endif

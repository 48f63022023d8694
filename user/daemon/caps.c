// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Capabilities by the kernel's own calls: a library for three of them would be one more to trust. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caps.h"
#include "../sink/json.h"
#include "../util/util.h"

/* CAP_PERFMON and CAP_BPF are of kernel 5.8. */
static const struct {
	unsigned int cap;
	const char *name;
	bool stays;
} known[] = {
	{ CAP_DAC_OVERRIDE, "dac_override", true },
	{ CAP_NET_ADMIN, "net_admin", true },
	{ CAP_SYS_ADMIN, "sys_admin", false },
	{ CAP_PERFMON, "perfmon", false },
	{ CAP_BPF, "bpf", false },
};

static int get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &head, data) < 0 ? -errno : 0;
}

uint64_t nw_caps_now(void)
{
	struct __user_cap_data_struct data[2] = { 0 };

	return get(data) < 0 ? 0 : (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

int nw_caps_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t stay = 0;
	int err = get(data);

	if (err)
		return err;
	for (size_t i = 0; i < NW_ARRAY_SIZE(known); i++)
		stay |= known[i].stays ? 1ULL << known[i].cap : 0;
	/* Only who may change the bounding set can; for all others no_new_privs does the same. */
	for (unsigned int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(stay >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(stay >> 32 * i);
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

json_t *nw_caps_json(void)
{
	uint64_t now = nw_caps_now();
	json_t *o = json_object(), *list = json_array();
	char number[8];

	for (unsigned int cap = 0; cap < 64; cap++) {
		const char *name = number;

		if (!(now >> cap & 1))
			continue;
		snprintf(number, sizeof(number), "%u", cap);
		for (size_t i = 0; i < NW_ARRAY_SIZE(known); i++)
			if (known[i].cap == cap)
				name = known[i].name;
		json_array_append_new(list, json_string(name));
	}
	nw_json_set(o, "uid", json_integer(geteuid()));
	nw_json_set(o, "capabilities", list);
	return o;
}

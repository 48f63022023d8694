# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# AppArmor: what negwatchd(8) does, and nothing else.
abi <abi/3.0>,

include <tunables/global>

profile negwatchd /usr/{,s}bin/negwatchd {
  include <abstractions/base>
  include <abstractions/nameservice>

  capability bpf,
  capability net_admin,
  capability perfmon,
  # Asked for by the kernel's checks on the way to the three above; not needed.
  deny capability sys_admin,
  deny capability sys_resource,

  network netlink raw,
  network inet dgram,
  network inet6 dgram,
  network unix dgram,
  network unix stream,

  /usr/{,s}bin/negwatchd mr,
  /etc/negwatch/ r,
  /etc/negwatch/** r,
  /run/negwatch/ rw,
  /run/negwatch/** rwk,
  /var/lib/negwatch/ rw,
  /var/lib/negwatch/** rwk,
  # metrics_file
  /var/lib/prometheus/node-exporter/negwatch.prom* rw,

  /dev/log w,
  /run/systemd/journal/{dev-log,socket} w,
  /run/systemd/notify w,

  /sys/kernel/btf/** r,
  /sys/kernel/tracing/events/tcp/*/{id,format} r,
  /sys/kernel/debug/tracing/events/tcp/*/{id,format} r,
  /sys/bus/event_source/devices/** r,
  /sys/devices/** r,
  /sys/class/net/ r,
  /proc/sys/kernel/** r,
  /proc/sys/net/core/** r,
  @{PROC}/@{pid}/** r,
  @{PROC}/version_signature r,

  include if exists <local/usr.sbin.negwatchd>
}

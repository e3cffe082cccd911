# PID 1 of the VM, run by the first tree's sh: the least that makes a machine, then the job.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
trap 'echo b >/proc/sysrq-trigger' EXIT # to QEMU, told -no-reboot, the end

mark() { # on a line of its own, whatever the job printed last
    read -r uptime _ </proc/uptime
    printf '\nLAB-%s %s\n' "$1" "${2:-$uptime}"
}

mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs tmp /tmp
mkdir -p /dev/shm /run/lock
mount -t tmpfs shm /dev/shm
ln -s /proc/self/fd /dev/fd
hostname lab
ip link set lo up

# The kernel asks modprobe for all other modules. These show files that programs look for first:
# /dev/net/tun, /proc/net/vlan, /sys/class/net/bonding_masters.
modprobe tun
modprobe 8021q
modprobe bonding max_bonds=0
modprobe bridge # without which bridge(8) fails on hosts that have none
# Else a namespace gets tunl0, gre0, sit0 and so on as soon as a module is there.
echo 1 >/proc/sys/net/core/fb_tunnels_only_for_init_net

mark UP
code=0
(cd /lab/job && exec env OUT=/lab/out sh /lab/command) </dev/null || code=$?
mark DONE
mark CODE "$code"
tar -cf /dev/vdc -C /lab/out .
sync
mark SAVED
stty onlcr # as it is, but not before the console has sent all (TCSADRAIN): a reset waits for nothing

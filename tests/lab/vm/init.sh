# PID 1 of the VM, run by the first tree's sh: the least that a machine is, then the job.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

mark() {
    read -r uptime _ </proc/uptime
    # On a line of its own, whatever the job printed last.
    printf '\nLAB-%s %s\n' "$1" "$uptime"
}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs tmp /tmp
mkdir -p /dev/shm /run/lock
mount -t tmpfs shm /dev/shm
ln -s /proc/self/fd /dev/fd
hostname lab
ip link set lo up

# The kernel asks modprobe for everything else. These are used through files that are not there
# before: /dev/net/tun, /proc/net/vlan, /sys/class/net/bonding_masters.
modprobe tun
modprobe 8021q
modprobe bonding max_bonds=0

mark UP
(cd /lab/job && exec env OUT=/lab/out sh /lab/command) </dev/null
code=$?
mark DONE
# Only complete results count: vm.py wants the last mark.
tar -cf /dev/vdc -C /lab/out . && sync && mark "SAVED $code"
echo b >/proc/sysrq-trigger # which QEMU, told -no-reboot, takes as power off

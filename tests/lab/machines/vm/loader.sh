#!/bin/sh
# /init of the VM's initramfs, run by busybox: put the disks together and hand over to init.sh.
# The disks, in vm.py's order: vda kernel modules, vdb the job (a tar), vdc for the results (a tar),
# then one per tree named in TREES, which the kernel passes on from its command line.
set -eu
mount -t devtmpfs dev /dev
mount -t proc proc /proc
# If anything fails, the end, with its message as the last on the console.
trap 'echo b >/proc/sysrq-trigger' EXIT
for module in /boot/*; do insmod "$module"; done

mount -t tmpfs -o mode=755 lab /lab
tar -xf /dev/vdb -C /lab
mkdir /lab/out /lab/upper /lab/work

IFS=,
# shellcheck disable=SC2086
set -- $TREES
first=$1
for disk in /dev/vd[d-z]; do
    mkdir "/lab/$1"
    mount -t ext4 -o ro "$disk" "/lab/$1"
    shift
done

# Trees are the lower layers of overlays, here and in the sandboxes, and so must never be written.
mount -t overlay -o "lowerdir=/lab/$first,upperdir=/lab/upper,workdir=/lab/work" root /root
mkdir -p /root/lab /root/usr/lib/modules
mount -t ext4 -o ro /dev/vda /root/usr/lib/modules
for place in dev lab proc; do mount -o move "/$place" "/root/$place"; done
exec switch_root /root /bin/sh /lab/init.sh

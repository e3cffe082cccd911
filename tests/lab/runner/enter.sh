# enter.sh TREE [LAYER...]: become PID 1 of a sandbox whose root is a throw-away copy of TREE, with
# the files of the layers laid over it, the last one on top.
# Run in new network, mount, pid, uts and ipc namespaces. Prints its process id as the machine
# sees it, once all is ready; ends, and takes everything with it, when its standard input closes.
set -eu
read -r pid _ </proc/self/stat # the machine's /proc still
mount -t tmpfs lab /mnt
cd /mnt
mkdir upper work root
lower=
number=0
for directory; do
    number=$((number + 1))
    mkdir "lower$number"
    mount --bind "$directory" "lower$number"
    lower=lower$number${lower:+:$lower}
done
mount -t overlay lab -o "lowerdir=$lower,upperdir=upper,workdir=work" root
cd root
mount -t proc proc proc
# Outside of net/ the keys of sysctl are the machine's own.
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
mount -t sysfs sys sys
mount -t tmpfs run run
mount -t tmpfs tmp tmp
# Not /run/systemd/netif: networkd makes it, and refuses one that it does not own.
mkdir run/lock run/netns run/network run/systemd
# shellcheck disable=SC2016
exec chroot . sh -c 'ip link set lo up; echo "$1"; cat <&3 & wait $!' sh "$pid" 3<&0

# Holds a node's namespaces: makes the node's file system, says "ready", waits until its standard input ends, which it does with the
# process that started it, however that one ends, and then takes away everything that outlives the namespaces.
#
# $1: the scratch folder. $2: the name of the node's control group.
set -e
group=$2
namespace=$(readlink "/proc/$$/ns/mnt")

# The machine's files are there, and nothing that is written to these places reaches the machine.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/.files
for place in etc opt var/lib var/log; do
    mkdir -p "/run/.files/$place/upper" "/run/.files/$place/work"
    mount -t overlay -o "lowerdir=/$place,upperdir=/run/.files/$place/upper,workdir=/run/.files/$place/work" overlay "/$place"
done
# An overlay cannot lie on an overlay, and the kubelet wants to know how large its disk is. What the machine's own CNI has left is
# none of the node's.
for place in /var/lib/containerd /var/lib/kubelet /var/lib/cni /etc/cni; do
    mkdir -p "$place"
    mount -t tmpfs -o mode=755 tmpfs "$place"
done
mkdir -p /etc/cni/net.d /etc/kubernetes/manifests /opt/cni/bin

# The kubelet sets these for the whole machine, unless they are what it wants already.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=/run/.files/$(echo "${setting%=*}" | tr / .)
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
done
# Containers may pass their mounts on.
mount --make-rshared /

for hierarchy in /sys/fs/cgroup/*/; do
    test -w "${hierarchy}cgroup.procs" && mkdir "$hierarchy$group"
    for file in cpuset.cpus cpuset.mems; do
        test ! -e "$hierarchy$file" || cat "$hierarchy$file" >"$hierarchy$group/$file"
    done
done
ip link set lo up
echo ready
read -r _ || true

# From here on nothing ends the work.
set +e
trap '' TERM INT HUP
for round in 1 2 3 4 5 6 7 8 9 10; do
    left=$(find /sys/fs/cgroup/*/"$group" -name cgroup.procs -exec cat {} + | sort -un)
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        if test "$pid" != $$ && test "$(readlink "$process/ns/mnt")" = "$namespace"; then
            left="$left $pid"
        fi
    done
    # What is left is one child of ours that has ended already.
    kill -KILL $left
    find /sys/fs/cgroup/*/"$group" -depth -type d -exec rmdir {} +
    test -n "$(find /sys/fs/cgroup/*/"$group" -maxdepth 0)" || break
    sleep 0.1
done 2>/dev/null
rm -rf --one-file-system -- "$1"

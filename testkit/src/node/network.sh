# The node's own network. $1: the node's number.
set -e
ip link add nodebr type bridge
ip address add "10.250.0.$1/24" dev nodebr
ip link set nodebr up
# A veth end is what macvlan interfaces are made on; its other end makes the node reachable for them.
ip link add up0 type veth peer name up1
ip link set up0 master nodebr
ip link set up0 up
ip link set up1 up
echo 1 >/proc/sys/net/ipv4/ip_forward
# The API's address inside of the cluster, without kube-proxy. nft wants one statement a line.
ip route add 10.96.0.0/16 dev nodebr
nft -f - <<'END'
table ip node {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 10.96.0.1 tcp dport 443 dnat to 10.250.0.1:6443
    }
    chain output {
        type nat hook output priority -100;
        ip daddr 10.96.0.1 tcp dport 443 dnat to 10.250.0.1:6443
    }
}
END

# Sourced by load.sh and soak.sh: "wire NAME FOLDER" makes two network namespaces
# $a and $b, joined by the interfaces out (of $a) and in (of $b), and sets
# WIRETALE to a binary built into FOLDER where it is not set; "unwire" removes
# the namespaces; "received" is how many packets in has had. It needs root.

wire() {
	a=$1$$a b=$1$$b
	if [ -z "${WIRETALE:-}" ]; then
		WIRETALE=$2/wiretale
		(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && CGO_ENABLED=0 go build -o "$WIRETALE" ./cmd/wiretale)
	fi
	ip netns add $a
	ip netns add $b
	ip link add out netns $a mtu 65535 type veth peer name in netns $b mtu 65535
	for n in $a $b; do
		ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		ip -n $n link set lo up
	done
	ip -n $a link set out arp off up
	ip -n $b link set in arp off up
}

unwire() {
	for n in ${a:-} ${b:-}; do
		ip netns del $n 2>/dev/null || true
	done
}

received() { ip -n $b -s -j link show in | sed 's/.*"rx":{"bytes":[0-9]*,"packets":\([0-9]*\).*/\1/'; }

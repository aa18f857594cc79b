#!/bin/sh
# Makes the captures that run.sh measures with, about 1 GB each:
#   mixed.pcap  a slice of many protocols, 20 times
#   dns.pcap    DNS only
#   http.pcap   small HTTP/1.1 transactions only
#   bulk.pcap   four downloads of 250 MiB in MTU-size packets
# and, with -4, the same four times as long at the same density: mixed4.pcap …
#
#   make-captures.sh [-4] [-f] DIR [mixed|dns|http|bulk …]
#
# Files that are there already stay (-f makes them again). mixed needs the
# slice and the multiplying tool, dns and http the tool: SHARED says where they
# are (default: ../shared/bench beside the repository). bulk needs root, for
# network namespaces, and nginx, curl, tcpdump, ethtool; it talks between two
# namespaces of its own and with nobody else. dns and http are made by
# ./traffic on a simulated network and need no root.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
SHARED=${SHARED:-$root/../shared/bench}

times=1 force=0
while getopts 4f flag; do
	case $flag in
	4) times=4 ;;
	f) force=1 ;;
	*) echo "usage: $0 [-4] [-f] DIR [mixed|dns|http|bulk ...]" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || { echo "usage: $0 [-4] [-f] DIR [mixed|dns|http|bulk ...]" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- mixed dns http bulk

suffix=
[ "$times" = 1 ] || suffix=$times

tmp=$(mktemp -d "$dir/making.XXXXXX")
cleanup() { rm -rf "$tmp"; }
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# multiply COPIES SECONDS BASE OUT [FLAGS]: as many copies, all started within
# the seconds. More copies in proportionally more seconds keep the density.
multiply() {
	copies=$1 seconds=$2 base=$3 out=$4
	shift 4
	[ -x "$tmp/multiply" ] || (cd "$SHARED/multiply" && CGO_ENABLED=0 go build -o "$tmp/multiply" .)
	"$tmp/multiply" -n $((copies * times)) -spread $((seconds * times))s "$@" -o "$tmp/out" "$base"
	mv "$tmp/out" "$out"
}

# base KIND: one copy of made-up traffic, kept for the longer form.
base() {
	if [ ! -f "$dir/base-$1.pcap" ] || [ "$force" = 1 ]; then
		(cd "$root" && CGO_ENABLED=0 go build -o "$tmp/traffic" ./internal/bench/traffic)
		"$tmp/traffic" -kind "$1" -for 60s -o "$tmp/base"
		mv "$tmp/base" "$dir/base-$1.pcap"
	fi
}

# download OUT: four at once, over a veth pair without any offload, so that
# packets have the size that a wire would show.
download() (
	out=$1
	c=wtbench-c-$$ s=wtbench-s-$$
	pids=
	down() {
		for p in $pids; do kill "$p" 2>/dev/null || :; done
		wait
		ip netns del "$c" 2>/dev/null || :
		ip netns del "$s" 2>/dev/null || :
	}
	trap down EXIT
	trap 'exit 1' INT TERM HUP
	ip netns add "$c"
	ip netns add "$s"
	ip -n "$c" link add wire type veth peer name wire netns "$s"
	for n in "$c" "$s"; do
		ip netns exec "$n" ethtool -K wire tso off gso off gro off rx off tx off >/dev/null
		ip -n "$n" link set lo up
		ip -n "$n" link set wire up
	done
	for i in 1 2 3 4; do ip -n "$c" addr add "10.10.0.10$i/8" dev wire; done
	ip -n "$s" addr add 10.20.0.11/8 dev wire

	mkdir "$tmp/www"
	chmod 755 "$tmp" "$tmp/www"
	head -c $((250 * 1024 * 1024)) /dev/urandom >"$tmp/www/bulk"
	cat >"$tmp/nginx.conf" <<-EOF
		daemon off;
		user root;
		pid $tmp/nginx.pid;
		error_log $tmp/error.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $tmp/t1; proxy_temp_path $tmp/t2; fastcgi_temp_path $tmp/t3;
			uwsgi_temp_path $tmp/t4; scgi_temp_path $tmp/t5;
			sendfile on;
			limit_rate 16m; # a second and connection: the capture keeps up
			server { listen 10.20.0.11:80; root $tmp/www; }
		}
	EOF
	# One processor for both ends: on several, veth changes the order of packets.
	ip netns exec "$s" taskset -c 0 nginx -c "$tmp/nginx.conf" -e "$tmp/error.log" &
	pids="$pids $!"
	ip netns exec "$c" tcpdump -i wire -s 0 -B 131072 --immediate-mode -U -Z root -n -w "$tmp/bulk" tcp port 80 2>"$tmp/tcpdump.log" &
	dump=$!
	pids="$pids $dump"
	sleep 2
	loads=
	for i in 1 2 3 4; do
		ip netns exec "$c" taskset -c 0 curl -sS --fail --interface "10.10.0.10$i" -o /dev/null http://10.20.0.11/bulk &
		loads="$loads $!"
	done
	for p in $loads; do wait "$p"; done
	sleep 1
	kill -INT "$dump"
	wait "$dump" || :
	cat "$tmp/tcpdump.log" >&2
	grep -q '^0 packets dropped by kernel' "$tmp/tcpdump.log" || { echo "bulk: the capture has holes" >&2; exit 1; }
	mv "$tmp/bulk" "$out"
)

for kind in "$@"; do
	out=$dir/$kind$suffix.pcap
	if [ -f "$out" ] && [ "$force" = 0 ]; then
		echo "$out: there already" >&2
		continue
	fi
	case $kind in
	mixed)
		zstd -q -d -f "$SHARED/slice-mixed.pcap.zst" -o "$tmp/slice"
		multiply 20 60 "$tmp/slice" "$out"
		;;
	dns)
		base dns
		multiply 40 60 "$dir/base-dns.pcap" "$out" -dnsports
		;;
	http)
		base http
		multiply 16 60 "$dir/base-http.pcap" "$out"
		;;
	bulk)
		if [ ! -f "$dir/bulk.pcap" ] || [ "$times$force" = 11 ]; then download "$dir/bulk.pcap"; fi
		# One after the other: four flows at a time, as in the short form.
		[ "$times" = 1 ] || multiply 1 60 "$dir/bulk.pcap" "$out" -concat
		;;
	*)
		echo "$kind is none of mixed, dns, http, bulk" >&2
		exit 2
		;;
	esac
	ls -l "$out" >&2
done

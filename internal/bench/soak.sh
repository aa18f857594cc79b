#!/bin/bash
# Watches a sniffer for a long time: captures are put on one end of a veth pair
# again and again, "wiretale sniff" answers all questions on the other, writes
# what it captures into a ring of files, and serves its metrics.
#
#   soak.sh [-r RATE] [-d SECONDS] [-e SECONDS] [-o FOLDER] FILE …
#
# RATE is in packets a second. Every so many seconds (-e) a line goes to
# FOLDER/samples: the time, resident memory, live heap, goroutines, flows, packets,
# those dropped, and the files there are. At the end the sums are printed:
# received + dropped must be what was sent. WIRETALE is the binary; without it
# one is built from this tree. It needs root, and makes and removes two network
# namespaces.
set -euo pipefail

. "$(dirname "$0")/wire.sh"
usage() { echo "usage: $0 [-r RATE] [-d SECONDS] [-e SECONDS] [-o FOLDER] FILE …" >&2; exit 2; }
rate=75000 length=3600 every=30 out=$(mktemp -d)
while getopts r:d:e:o: flag; do
	case $flag in
	r) rate=$OPTARG ;;
	d) length=$OPTARG ;;
	e) every=$OPTARG ;;
	o) out=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
mkdir -p "$out"
chmod 777 "$out"

sniffer=
clean() {
	[ -z "$sniffer" ] || kill -KILL "$sniffer" 2>/dev/null || true
	unwire
}
trap clean EXIT
trap 'exit 1' INT TERM HUP
wire soak "$out"

ip netns exec $b "$WIRETALE" sniff -i in --every 10s --user root --metrics 127.0.0.1:9100 \
	-w "$out/soak.pcapng" --ring 4x100MB >"$out/said" 2>"$out/errors" &
sniffer=$!
sleep 2
end=$((SECONDS + length))
(
	while [ $SECONDS -lt $end ]; do
		for file; do
			[ $SECONDS -ge $end ] || timeout $((end - SECONDS)) ip netns exec $a "$WIRETALE" replay --onto out --pps $rate "$file" || true
		done
	done >"$out/sent" 2>&1
) &
sender=$!

while kill -0 $sender 2>/dev/null; do
	metrics=$(ip netns exec $b curl -s --max-time 5 127.0.0.1:9100/metrics |
		awk '/^(go_|wiretale_(packets|flows|dropped|received))/ { printf "%s=%s ", $1, $2 }' || true)
	echo "$(date +%T) rss=$(awk '/VmRSS/ { print $2 }' /proc/$sniffer/status)kB $metrics files=$(find "$out" -name '*.pcapng' | wc -l)"
	sleep $every
done >"$out/samples"
sleep 5
sent=$(received)
kill -INT $sniffer
wait $sniffer || true
sniffer=
echo "sent $sent"
tail -4 "$out/said"
awk -F'rss=|kB' 'NR == 1 { low = $2 } { if ($2 < low) low = $2; if ($2 > high) high = $2 } END { printf "resident memory %d to %d kB in %d samples: %s\n", low, high, NR, FILENAME }' "$out/samples"

#!/bin/bash
# Finds the rate up to which a capturing tool keeps pace: packets are put on one
# end of a veth pair at rising rates, each tool watches the other end.
#
#   load.sh [-r "25 50 100 …"] [-n RUNS] [-t TOOLS] [-s SECONDS] FILE
#
# FILE is a capture; its first packets, as many as SECONDS want, are sent by
# "wiretale replay --onto --pps". Rates are in thousands of packets a second,
# "max" is one after the other. A tool keeps pace with a rate when no packet is
# dropped in any of RUNS and it has ended at most two seconds after it was told
# to, which is 1.2 seconds after the last packet. One that does not keep pace is
# not asked at higher rates. For each run it prints what was sent, what the tool
# received and what it says was dropped: received + dropped must be what was
# sent.
#
# Tools: count (sniff --no-decode), decode (all decoders, every message as JSON:
# sniff --json --only mix), answer (all decoders, all questions, a report:
# sniff --every), write (the same with -w), tcpdump (-w /dev/null), tshark.
# WIRETALE is the binary; without it one is built from this tree. It needs root,
# and makes and removes two network namespaces.
set -euo pipefail

. "$(dirname "$0")/wire.sh"
usage() { echo "usage: $0 [-r RATES] [-n RUNS] [-t TOOLS] [-s SECONDS] FILE" >&2; exit 2; }
rates="10 25 50 100 150 200 250 300 350 400 max" runs=2 tools="tcpdump count decode answer write tshark" seconds=5
while getopts r:n:t:s: flag; do
	case $flag in
	r) rates=$OPTARG ;;
	n) runs=$OPTARG ;;
	t) tools=$OPTARG ;;
	s) seconds=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 1 ] || usage
file=$1

tmp=$(mktemp -d)
clean() {
	unwire
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 1' INT TERM HUP
wire load "$tmp"

# watch TOOL: runs it on the interface until SIGINT; its figures go to $tmp/said.
watch() {
	case $1 in
	count) exec ip netns exec $b "$WIRETALE" sniff -i in --no-decode --user root 2>"$tmp/said" ;;
	decode) exec ip netns exec $b "$WIRETALE" sniff -i in --json --only mix --user root 2>"$tmp/said" >/dev/null ;;
	answer) exec ip netns exec $b "$WIRETALE" sniff -i in --every 10s --user root >"$tmp/said" 2>/dev/null ;;
	write) exec ip netns exec $b "$WIRETALE" sniff -i in --every 10s --user root -w "$tmp/keep.pcapng" --ring 4x100MB >"$tmp/said" 2>/dev/null ;;
	tcpdump) exec ip netns exec $b tcpdump -n -i in -B 32768 -w /dev/null 2>"$tmp/said" ;;
	tshark) exec ip netns exec $b tshark -n -i in -B 32 2>"$tmp/said" >/dev/null ;;
	*) usage ;;
	esac
}
# figures TOOL: "received dropped" out of $tmp/said.
figures() {
	tr -d ',' <"$tmp/said" | tr '\r' '\n' | awk -v tool="$1" '
		tool == "tcpdump" && /packets? captured/ { got = $1 }
		tool == "tcpdump" && /packets? dropped by kernel/ { lost = $1 }
		tool == "tshark" && /packets? captured/ { got = $1 }
		tool == "tshark" && /packets? dropped from/ { lost = $1 }
		/^wiretale: .* packets? captured/ { got = $2 }
		/^wiretale: .* packets? dropped by the kernel/ { lost = $2 }
		/^[0-9]+ packets? [0-9.]+ .?B in / { got = $1 } # the last line of the report
		match($0, /[0-9]+ packets? by the kernel/) { split(substr($0, RSTART), word, " "); lost = word[1] }
		END { print got + 0, lost + 0 }'
}

printf '| packets/s | tool | sent | received | dropped | accounted for | done after | keeps pace |\n| --: | --- | --: | --: | --: | --- | --: | --- |\n'
declare -A late
for rate in $rates; do
	pace=(--speed max) n=$((400 * seconds * 1000))
	[ "$rate" = max ] || pace=(--pps $((rate * 1000))) n=$((rate * seconds * 1000))
	tcpdump -nr "$file" -c $n -w "$tmp/slice.pcap" 2>/dev/null
	for tool in $tools; do
		if [ -n "${late[$tool]:-}" ]; then continue; fi
		for ((run = 0; run < runs; run++)); do
			watch $tool &
			pid=$!
			sleep 1.5
			before=$(received)
			ip netns exec $a "$WIRETALE" replay --onto out "${pace[@]}" "$tmp/slice.pcap" >"$tmp/sent" 2>&1
			sent=$(($(received) - before))
			t=$EPOCHREALTIME
			sleep 1.2 # libpcap hands over a block at least once a second
			kill -INT $pid
			# A tool far behind is not waited for.
			(sleep 60; kill -KILL $pid 2>/dev/null) &
			guard=$!
			wait $pid 2>/dev/null || true
			kill $guard 2>/dev/null || true
			wait $guard 2>/dev/null || true
			took=$(echo "$EPOCHREALTIME - $t" | bc)
			read -r got lost < <(figures $tool)
			real=$(grep -o '[0-9]* packets/s' "$tmp/sent" | cut -d' ' -f1)
			sum=yes pacing=yes
			[ $((got + lost)) = $sent ] || sum="no: $((got + lost - sent))"
			if [ "$lost" != 0 ] || [ "$(echo "$took > 3.2" | bc)" = 1 ] || [ $((got + lost)) != $sent ]; then
				pacing=no late[$tool]=$rate
			fi
			printf '| %s | %s | %s | %s | %s | %s | %.1f s | %s |\n' "$real" "$tool" "$sent" "$got" "$lost" "$sum" "$took" "$pacing"
		done
	done
done

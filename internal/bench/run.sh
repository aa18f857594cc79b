#!/bin/bash
# Runs wiretale and its peers over captures, in alternation, and prints the
# Markdown tables of docs/benchmarks.md.
#
#   run.sh [-n RUNS] [-p PEER_RUNS] [-t SECONDS] [-T tcpdump,analyze,…] FILE …
#
# The unit is a bare copy by libpcap: tcpdump -nr FILE -w /dev/null. Each round
# runs every tool once, so that a change of the machine's mood hits all alike;
# wall time, processor time and peak memory are medians. A tool that needs more
# than SECONDS is stopped, counted so, and not started again on that file. The
# tools: tcpdump, analyze, decode (of wiretale), ndpi, tshark.
#
# WIRETALE is the binary to measure; without it one is built from this tree.
# Files come from make-captures.sh.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() { echo "usage: $0 [-n RUNS] [-p PEER_RUNS] [-t SECONDS] [-T tool,tool] FILE ..." >&2; exit 2; }
runs=5 peer_runs=1 limit=600 tools=tcpdump,analyze,decode,ndpi,tshark
while getopts n:p:t:T: flag; do
	case $flag in
	n) runs=$OPTARG ;;
	p) peer_runs=$OPTARG ;;
	t) limit=$OPTARG ;;
	T) tools=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
IFS=, read -ra tools <<<"$tools"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

if [ -z "${WIRETALE:-}" ]; then
	WIRETALE=$tmp/wiretale
	(cd "$root" && CGO_ENABLED=0 go build -o "$WIRETALE" ./cmd/wiretale)
fi

# What each tool is called in the table, and what is run.
title() {
	case $1 in
	tcpdump) echo 'tcpdump -w /dev/null' ;;
	analyze) echo '**wiretale analyze --json**' ;;
	decode) echo '**wiretale decode --json**' ;;
	ndpi) echo 'ndpiReader -q' ;;
	tshark) echo 'tshark -q -z io,phs' ;;
	*) echo "unknown tool $1" >&2; exit 2 ;;
	esac
}
start() { # TOOL FILE
	case $1 in
	tcpdump) exec tcpdump -nr "$2" -w /dev/null ;;
	analyze) exec "$WIRETALE" analyze --json "$2" ;;
	decode) exec "$WIRETALE" decode --json "$2" ;;
	ndpi) exec ndpiReader -q -i "$2" ;;
	tshark) exec tshark -n -q -z io,phs -r "$2" ;;
	esac
}
export -f start
export WIRETALE

there() { # TOOL
	case $1 in
	tcpdump | tshark) command -v "$1" ;;
	ndpi) command -v ndpiReader ;;
	*) [ -x "$WIRETALE" ] ;;
	esac >/dev/null
}

# measure TOOL FILE: adds "wall cpu peak" (seconds, seconds, kB) to the tool's
# list, or a word that says why there is none.
measure() {
	local tool=$1 file=$2 status=0
	local list=$tmp/$tool.list
	if grep -q '[a-z]' "$list" 2>/dev/null; then return; fi
	/usr/bin/time -q -f '%e %U %S %M' -o "$tmp/time" \
		timeout -k 5 "$limit" bash -c 'start "$@"' bash "$tool" "$file" >/dev/null 2>"$tmp/err" || status=$?
	case $status in
	0) awk '{ printf "%s %s %s\n", $1, $2 + $3, $4 }' "$tmp/time" >>"$list" ;;
	124 | 137) echo "over-${limit}-s" >"$list" ;;
	*)
		echo "failed" >"$list"
		echo "$tool on $file: exit $status:" >&2
		tail -3 "$tmp/err" >&2
		;;
	esac
}

median() { # FILE COLUMN
	awk -v c="$2" '{ print $c }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

spread() { # FILE: fastest and slowest wall time
	awk '{ print $1 }' "$1" | sort -n | awk '{ v[NR] = $1 } END { printf "%.2f–%.2f", v[1], v[NR] }'
}

version() { "$@" 2>/dev/null | head -1 || true; }

for tool in "${tools[@]}"; do title "$tool" >/dev/null; done

echo "Machine: $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo), Linux $(uname -r). $(go version | cut -d' ' -f3)."
echo "wiretale $(cd "$root" && git describe --always --dirty 2>/dev/null), $(version tcpdump --version | cut -d. -f1-3), tshark $(version tshark --version | grep -o '[0-9][0-9.]*' | head -1), ndpiReader $(dpkg-query -W -f '${Version}' libndpi-bin 2>/dev/null || echo unknown)."
echo "Medians of $runs runs ($peer_runs of ndpiReader and tshark), in alternation, file in the page cache; load when started: $(cut -d' ' -f1 /proc/loadavg)."

for file in "$@"; do
	[ -r "$file" ] || { echo "$file: not readable" >&2; exit 1; }
	rm -f "$tmp"/*.list
	cat "$file" >/dev/null # into the page cache
	for ((i = 0; i < runs; i++)); do
		for tool in "${tools[@]}"; do
			there "$tool" || continue
			case $tool in ndpi | tshark) [ "$i" -lt "$peer_runs" ] || continue ;; esac
			measure "$tool" "$file"
		done
	done

	packets=unknown
	if command -v capinfos >/dev/null; then
		packets=$(capinfos -M -c "$file" 2>/dev/null | awk '/Number of packets/ { print $NF }')
	fi
	unit= unit_cpu=
	if [ -f "$tmp/tcpdump.list" ] && ! grep -q '[a-z]' "$tmp/tcpdump.list"; then
		unit=$(median "$tmp/tcpdump.list" 1)
		unit_cpu=$(median "$tmp/tcpdump.list" 2)
	fi
	echo
	echo "### $(basename "$file"): $packets packets, $(stat -L -c %s "$file" | awk '{ printf "%.0f MB", $1 / 1e6 }')"
	echo
	echo "| tool | wall s | fastest–slowest | × tcpdump | CPU s | × tcpdump | ns/packet | peak MB |"
	echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
	for tool in "${tools[@]}"; do
		list=$tmp/$tool.list
		if [ ! -f "$list" ]; then
			echo "| $(title "$tool") | not installed | | | | | | |"
		elif grep -q '[a-z]' "$list"; then
			echo "| $(title "$tool") | $(tr - ' ' <"$list") | | | | | | |"
		else
			awk -v t="$(title "$tool")" -v w="$(median "$list" 1)" -v c="$(median "$list" 2)" -v m="$(median "$list" 3)" \
				-v u="$unit" -v uc="$unit_cpu" -v r="$(spread "$list")" -v p="$packets" 'BEGIN {
				x = u > 0 ? sprintf("%.1f", w / u) : ""; xc = uc > 0 ? sprintf("%.1f", c / uc) : ""
				ns = p > 0 ? sprintf("%.0f", w / p * 1e9) : ""
				printf "| %s | %.2f | %s | %s | %.2f | %s | %s | %.0f |\n", t, w, r, x, c, xc, ns, m / 1000 }'
		fi
	done
done

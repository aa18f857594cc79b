#!/bin/sh
# Runs the built program over every file of a folder of captures and prints the
# ten slowest files and the ten of most memory, for `analyze --json` and
# `decode --json`; it fails where a run ends by a signal or a panic, or takes
# more than 512 MB.
#
#   go build -o /tmp/wiretale ./cmd/wiretale
#   internal/pipeline/captures.sh /tmp/wiretale ../shared/captures
set -u
program=$1 folder=$2
list=$(mktemp) err=$(mktemp)
trap 'rm -f "$list" "$err"' EXIT
find "$folder" -mindepth 2 -type f | sort | while IFS= read -r file; do
	for command in analyze decode; do
		# KB of memory, seconds, exit status
		figures=$(/usr/bin/time -q -f '%M %e %x' "$program" "$command" --json "$file" 2>&1 >/dev/null | tee "$err" | tail -n 1)
		grep -q 'internal fault\|^panic\|^fatal error' "$err" && figures="$figures FAULT"
		echo "$figures $command $file"
	done
done >"$list"
echo "runs: $(wc -l <"$list"), with exit status 0: $(awk '$3 == 0' "$list" | wc -l), 1 (broken input): $(awk '$3 == 1' "$list" | wc -l)"
echo "most memory (KB, seconds, status):"
sort -rn "$list" | head
echo "slowest:"
sort -k2,2rn "$list" | head
bad=$(awk '$3 != 0 && $3 != 1 || $1 > 512000 || $4 == "FAULT"' "$list")
[ -z "$bad" ] || { echo "NOT GOOD:"; echo "$bad"; exit 1; }

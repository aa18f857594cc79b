#!/bin/sh
# Makes the captures of this folder again, each with its truth, and what is made
# from them (golden events): all scenarios, or those that are named. Wants an
# idle machine. "go generate ./pcaps" calls it for all.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
go build -o "$tmp/wiretale" ../cmd/wiretale
[ $# -gt 0 ] || set -- $("$tmp/wiretale" replay --list | awk 'NR > 1 && NF { print $1 }')
for name; do
	"$tmp/wiretale" replay "$name" -w "$name.pcapng" --truth "$name.json"
done
go test -count=1 -run TestGolden ../internal/pipeline -update

#!/bin/bash
# Records docs/screen.txt: the screen of sniff in tmux, while replay plays
# captures of pcaps/ onto a pair of veth interfaces. Linux, root, tmux, ip.
#
#     sudo internal/screen/record.sh [WIRETALE]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
chmod 755 "$work" # sniff gives up its rights
wiretale=${1:-$work/wiretale}
[ $# -gt 0 ] || (cd "$root" && go build -o "$wiretale" ./cmd/wiretale)
mux="tmux -L screen-$$"
export LC_ALL=C.UTF-8

end() {
    $mux kill-server 2>/dev/null || true
    ip link del rec0 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
ip link add rec0 type veth peer name eth9
for i in rec0 eth9; do
    sysctl -q -w "net.ipv6.conf.$i.disable_ipv6=1" # its own packets
    ip link set "$i" up
done

# begin WIDTH HEIGHT [FLAG…]: sniff in a terminal of that size.
begin() {
    width=$1 height=$2
    shift 2
    $mux new-session -d -s s -x "$width" -y "$height" "cd $work && NO_COLOR=1 $wiretale sniff -i eth9 $* 2>$work/errors; sleep 60"
    sleep 2
}
resize() {
    $mux resize-window -t s -x "$1" -y "$2"
    sleep 2
}
finish() {
    $mux kill-session -t s
    sleep 1
}
# play NAME…: captures one after the other, at their own pace.
play() {
    for name in "$@"; do "$wiretale" replay --onto rec0 "$root/pcaps/$name.pcapng" >/dev/null; done
}
keys() {
    for k in "$@"; do
        $mux send-keys -t s "$k"
        sleep 0.3
    done
    sleep 1
}
# frame TITLE: what is on the screen now.
frame() {
    size=$($mux display -p -t s '#{window_width}x#{window_height}')
    $mux capture-pane -p -t s >"$work/frame"
    width=${size%x*}
    printf '\n%s (%s)\n\n' "$1" "$size"
    edge="+$(printf '%*s' "$width" '' | tr ' ' -)+"
    echo "$edge"
    while IFS= read -r line; do
        printf '|%s%*s|\n' "$line" $((width - ${#line})) ''
    done <"$work/frame"
    echo "$edge"
}

{
    cat <<'TEXT'
The screen of "wiretale sniff", as text, without its colours: recorded in tmux
while replay played captures of pcaps/ on the wire. To record it again:

    sudo internal/screen/record.sh
TEXT
    begin 80 24 -w lan.pcapng
    play page page-h2 dns-retry dash &
    sleep 8
    frame '1: the overview, while a film is fetched'
    wait
    play bt-free-rider &
    sleep 3
    frame '1: a little later, with a swarm'
    keys s s s s s
    frame '1 s: talkers by what they send now'
    wait
    keys 3
    frame '3: the table of talkers'
    keys Tab
    frame '3 tab: protocols'
    keys Tab
    frame '3 tab: a question, with its table'
    keys '?'
    resize 60 16
    frame '?: help'
    finish

    begin 120 40
    play page page-h2 dns-poison dash &
    sleep 8
    frame '1: the overview on a larger terminal'
    wait
    resize 100 20
    keys 2 Up Up Up
    frame '2: the newest messages, the fourth last selected'
    keys f
    frame '2 f: only the stream of that message'
    keys Enter
    frame '2 enter: its conversation'
    keys Escape / f i l m
    frame '/: a filter while it is typed'
    finish

    begin 80 24 --buffer 2097152
    play page
    sniff=$(pgrep -P "$($mux display -p -t s '#{pane_pid}')")
    kill -STOP "$sniff" # nobody reads what the kernel keeps
    for _ in 1 2 3 4 5 6; do "$wiretale" replay --onto rec0 --speed max "$root/pcaps/bt-swarm.pcapng" >/dev/null; done
    kill -CONT "$sniff"
    sleep 3
    frame '1: packets came faster than they were read'
    resize 40 12
    frame '1: on the smallest terminal'
    keys Space 2
    frame '2: there, paused'
} >"$work/screen.txt"
cp "$work/screen.txt" "$root/docs/screen.txt"

package compare

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// peerTalk is a conversation with every message of the peer wire, cut into
// segments: who speaks, and what.
func peerTalk() (talk []peerSegment) {
	const infoHash = "\xe2\x1e\xa9\x56\x9b\x69\xba\xb3\x3c\x97\x85\x1d\x02\x98\xbd\xfa\x89\xbc\x90\x92"
	u32 := func(ns ...uint32) string {
		var b []byte
		for _, n := range ns {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return string(b)
	}
	msg := func(kind byte, content string) string { return u32(uint32(len(content)+1)) + string(kind) + content }
	hello := func(id string) string {
		return "\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05" + infoHash + id
	}
	say := func(server bool, s string) {
		for len(s) > 0 {
			n := min(len(s), 1400)
			talk = append(talk, peerSegment{server, []byte(s[:n])})
			s = s[n:]
		}
	}
	block := strings.Repeat("\xa5\x17", 1<<13)
	say(false, hello("-TR4040-abcdefghijkl"))
	say(true, hello("-qB4500-mnopqrstuvwx")+msg(20, "\x00d1:md11:ut_metadatai2e6:ut_pexi1ee1:v11:qBittorrente")+msg(5, "\xff\xff\xff\xfe"))
	say(false, msg(20, "\x00d1:md11:ut_metadatai3e6:ut_pexi1ee1:pi6881ee")+msg(14, "")+msg(9, "\x1a\xe1"))
	say(false, msg(20, "\x02d8:msg_typei0e5:piecei0ee"))
	say(true, msg(20, "\x03d8:msg_typei1e5:piecei0e10:total_sizei1000ee"+block[:1000]))
	say(false, msg(20, "\x01d5:added12:\x0a\x00\x00\x01\x1a\xe1\x0a\x00\x00\x02\x1a\xe2ee"))
	say(false, msg(2, ""))
	say(true, msg(1, "")+msg(17, u32(3))+msg(13, u32(4)))
	for i := range uint32(4) {
		say(false, msg(6, u32(3, i<<14, 1<<14)))
	}
	for i := range uint32(4) {
		say(true, msg(7, u32(3, i<<14)+block))
	}
	say(false, msg(8, u32(5, 0, 1<<14)))
	say(true, msg(16, u32(5, 0, 1<<14))+msg(0, ""))
	say(false, msg(4, u32(3))+"\x00\x00\x00\x00"+msg(3, ""))
	say(true, msg(15, ""))
	return talk
}

type peerSegment struct {
	server bool
	bytes  []byte
}

// pcapOfTCP is a capture of link type RAW with talk over a TCP connection.
func pcapOfTCP(talk []peerSegment) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, []uint32{0xa1b2c3d4, 2 | 4<<16, 0, 0, 1 << 18, 101})
	seq := [2]uint32{1000, 5000}
	packet := func(n int, server bool, flags byte, data []byte) {
		from, to := byte(1), byte(2)
		ports, mine, theirs := []uint16{40000, 6881}, &seq[0], seq[1]
		if server {
			from, to, ports, mine, theirs = 2, 1, []uint16{6881, 40000}, &seq[1], seq[0]
		}
		var p []byte
		p = append(p, 0x45, 0)
		p = binary.BigEndian.AppendUint16(p, uint16(40+len(data)))
		p = append(p, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, from, 10, 0, 0, to)
		p = binary.BigEndian.AppendUint16(p, ports[0])
		p = binary.BigEndian.AppendUint16(p, ports[1])
		p = binary.BigEndian.AppendUint32(p, *mine)
		ack := theirs
		if flags == 0x02 {
			ack = 0
		}
		p = binary.BigEndian.AppendUint32(p, ack)
		p = append(p, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
		p = append(p, data...)
		*mine += uint32(len(data))
		if flags&0x03 != 0 {
			*mine++
		}
		binary.Write(&b, binary.LittleEndian, []uint32{1700000000, uint32(n) * 1000, uint32(len(p)), uint32(len(p))})
		b.Write(p)
	}
	packet(0, false, 0x02, nil)
	packet(1, true, 0x12, nil)
	packet(2, false, 0x10, nil)
	for i, s := range talk {
		packet(3+i, s.server, 0x18, s.bytes)
	}
	n := 3 + len(talk)
	packet(n, false, 0x11, nil)
	packet(n+1, true, 0x11, nil)
	packet(n+2, false, 0x10, nil)
	return b.Bytes()
}

// pcapOfUTP is the same over uTP (BEP 29), one packet a segment.
func pcapOfUTP(talk []peerSegment) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, []uint32{0xa1b2c3d4, 2 | 4<<16, 0, 0, 1 << 18, 101})
	const id = 0x4d2c
	seq := [2]uint16{1, 700}
	packet := func(n int, server bool, kind byte, data []byte) {
		from, to := byte(1), byte(2)
		ports, conn := []uint16{40000, 26881}, uint16(id+1)
		mine, theirs := &seq[0], seq[1]
		if server {
			from, to, ports, conn, mine, theirs = 2, 1, []uint16{26881, 40000}, id, &seq[1], seq[0]
		}
		ack := theirs - 1
		if kind == 4 {
			conn, ack = id, 0
		}
		var p []byte
		p = append(p, 0x45, 0)
		p = binary.BigEndian.AppendUint16(p, uint16(48+len(data)))
		p = append(p, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, to)
		p = binary.BigEndian.AppendUint16(p, ports[0])
		p = binary.BigEndian.AppendUint16(p, ports[1])
		p = binary.BigEndian.AppendUint16(p, uint16(28+len(data)))
		p = append(p, 0, 0, kind<<4|1, 0)
		p = binary.BigEndian.AppendUint16(p, conn)
		p = binary.BigEndian.AppendUint32(p, uint32(n+1)*1000)
		p = binary.BigEndian.AppendUint32(p, uint32(n)*10)
		p = binary.BigEndian.AppendUint32(p, 1<<20)
		p = binary.BigEndian.AppendUint16(p, *mine)
		p = binary.BigEndian.AppendUint16(p, ack)
		p = append(p, data...)
		if kind != 2 {
			*mine++
		}
		binary.Write(&b, binary.LittleEndian, []uint32{1700000000, uint32(n) * 1000, uint32(len(p)), uint32(len(p))})
		b.Write(p)
	}
	packet(0, false, 4, nil)
	packet(1, true, 2, nil)
	seq[1]++ // this answer has a number of its own
	for i, s := range talk {
		packet(2+i, s.server, 0, s.bytes)
	}
	packet(2+len(talk), false, 1, nil)
	packet(3+len(talk), true, 1, nil)
	return b.Bytes()
}

// Every message of the peer wire, over TCP and inside uTP, as tshark sees it.
func TestPeerWire(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	ps, err := choose([]string{"bittorrent"})
	if err != nil {
		t.Fatal(err)
	}
	for name, pcap := range map[string][]byte{"tcp": pcapOfTCP(peerTalk()), "utp": pcapOfUTP(peerTalk())} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "peers.pcap")
			if err := os.WriteFile(file, pcap, 0o600); err != nil {
				t.Fatal(err)
			}
			tally, err := compareFile(context.Background(), tshark, file, ps, pipeline.Config{Workers: 1, Limits: events.DefaultLimits()}, 10)
			if err != nil {
				t.Fatal(err)
			}
			var table strings.Builder
			if err := tally.write(&table, false, 0.99, 1); err != nil {
				t.Fatal(err)
			}
			t.Logf("\n%s", &table)
			if agreed, theirs, ours := tally.sum(0); agreed < 90 || f1(agreed, theirs, ours) < 0.99 {
				t.Errorf("F1 is %.4f over %d agreed values", f1(agreed, theirs, ours), agreed)
			}
		})
	}
}

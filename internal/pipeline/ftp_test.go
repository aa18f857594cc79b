package pipeline

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// wire writes the packets of TCP connections to a capture.
type wire struct {
	t    *testing.T
	file string
	out  *os.File
	w    capture.Writer
	now  events.Time
}

func newWire(t *testing.T) *wire {
	t.Helper()
	file := filepath.Join(t.TempDir(), "talk.pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	return &wire{t: t, file: file, out: f, w: capture.NewPcapWriter(f, capture.LinkRaw, 1<<18, true), now: 1e18}
}

// done gives the name of the finished capture.
func (w *wire) done() string {
	w.t.Helper()
	if err := w.w.Flush(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.out.Close(); err != nil {
		w.t.Fatal(err)
	}
	return w.file
}

// tcp is one connection.
type tcp struct {
	w    *wire
	ends [2]netip.AddrPort
	seq  [2]uint32
}

const (
	flagFIN, flagSYN, flagRST, flagACK = 1, 2, 4, 16
)

// connect opens a connection.
func (w *wire) connect(client, server string) *tcp {
	c := &tcp{w: w, ends: [2]netip.AddrPort{netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)}, seq: [2]uint32{1000, 5000}}
	c.segment(0, flagSYN, "")
	c.segment(1, flagSYN|flagACK, "")
	c.segment(0, flagACK, "")
	return c
}

func (c *tcp) client(data string) { c.segment(0, flagACK, data) }
func (c *tcp) server(data string) { c.segment(1, flagACK, data) }

// lose is data that the capture lacks.
func (c *tcp) lose(from int, n uint32) { c.seq[from] += n }

// close closes one side, and the other side after it.
func (c *tcp) close(first int) {
	c.segment(first, flagFIN|flagACK, "")
	c.segment(1-first, flagFIN|flagACK, "")
	c.segment(first, flagACK, "")
}

func (c *tcp) segment(from int, flags byte, data string) {
	src, dst := c.ends[from], c.ends[1-from]
	b := make([]byte, 20, 20+len(data))
	binary.BigEndian.PutUint16(b, src.Port())
	binary.BigEndian.PutUint16(b[2:], dst.Port())
	binary.BigEndian.PutUint32(b[4:], c.seq[from])
	if flags&flagACK != 0 {
		binary.BigEndian.PutUint32(b[8:], c.seq[1-from])
	}
	b[12], b[13] = 5<<4, flags
	binary.BigEndian.PutUint16(b[14:], 0xffff)
	b = append(b, data...)
	c.seq[from] += uint32(len(data))
	if flags&(flagSYN|flagFIN) != 0 {
		c.seq[from]++
	}
	var ip []byte
	if src.Addr().Is4() {
		ip = make([]byte, 20)
		ip[0], ip[8], ip[9] = 0x45, 64, events.ProtoTCP
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(b)))
		copy(ip[12:], src.Addr().AsSlice())
		copy(ip[16:], dst.Addr().AsSlice())
	} else {
		ip = make([]byte, 40)
		ip[0], ip[6], ip[7] = 0x60, events.ProtoTCP, 64
		binary.BigEndian.PutUint16(ip[4:], uint16(len(b)))
		copy(ip[8:], src.Addr().AsSlice())
		copy(ip[24:], dst.Addr().AsSlice())
	}
	p := append(ip, b...)
	c.w.now = c.w.now.Add(1e6)
	if err := c.w.w.WritePacket(0, capture.Packet{Data: p, Wire: uint32(len(p)), Time: c.w.now}); err != nil {
		c.w.t.Fatal(err)
	}
}

// told are the events of FTP, and of detection, one line each.
func told(t *testing.T, file string, workers int) string {
	t.Helper()
	var b strings.Builder
	_, err := Run(t.Context(), Config{Paths: []string{file}, Limits: events.DefaultLimits(), Workers: workers, Hash: true,
		Want: events.SetOf(events.KindFTPCommand, events.KindFTPReply, events.KindFTPData, events.KindFlowDetected, events.KindFlowViolation, events.KindTLSClientHello),
		Events: func(list []*events.Event) error {
			for _, e := range list {
				fmt.Fprintf(&b, "%d %s ", e.Stream, e.Layer)
				switch x := e.Body.(type) {
				case *events.FTPCommand:
					fmt.Fprintf(&b, "> %s %s", x.Verb, x.Args)
				case *events.FTPReply:
					fmt.Fprintf(&b, "< %d to %s", x.Code, x.Verb)
				case *events.FTPData:
					fmt.Fprintf(&b, "= %s %s %s of %d by %s: %d bytes %.8s", x.Mode, x.Verb, x.Path, x.ControlStream, e.From, x.Bytes, x.SHA256)
					if !x.Complete {
						b.WriteString(" incomplete")
					}
					if x.Missing > 0 {
						fmt.Fprintf(&b, " missing %d", x.Missing)
					}
					if x.Restart > 0 {
						fmt.Fprintf(&b, " from %d", x.Restart)
					}
					if x.Reply > 0 {
						fmt.Fprintf(&b, " reply %d", x.Reply)
					}
				case *events.FlowDetected:
					fmt.Fprintf(&b, "is %s by %s", x.Protocol, x.By)
				case *events.FlowViolation:
					fmt.Fprintf(&b, "! %s", x.Reason)
				default:
					b.WriteString(e.Body.Kind().String())
				}
				b.WriteByte('\n')
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), " \n", "\n")
}

// TestFTP plays whole conversations of FTP: the control connection and its
// data connections. SHA-256 of "hello" begins with 2cf24dba, of nothing with
// e3b0c442.
func TestFTP(t *testing.T) {
	for _, x := range []struct {
		name string
		play func(*wire)
		want string
	}{
		{"passive over IPv4, then sending", func(w *wire) {
			c := w.connect("10.0.0.1:40000", "10.0.0.2:21")
			c.server("220 an FTP server\r\n")
			c.client("PASV\r\n")
			c.server("227 Entering Passive Mode (10,0,0,2,4,1)\r\n")
			d := w.connect("10.0.0.1:40001", "10.0.0.2:1025")
			c.client("RETR a.txt\r\n")
			c.server("150 here it comes\r\n")
			d.server("hello")
			d.close(1)
			c.server("226 done\r\n")
			c.client("PASV\r\n")
			c.server("227 Entering Passive Mode (10,0,0,2,4,2)\r\n")
			d = w.connect("10.0.0.1:40002", "10.0.0.2:1026")
			c.client("STOR b.txt\r\n")
			c.server("150 send it\r\n")
			d.client("he")
			d.client("llo")
			d.close(0)
			c.server("226 done\r\n")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp < 220 to
0 tcp/ftp > PASV
0 tcp/ftp < 227 to PASV
1 tcp/ftp-data is ftp-data by expected
0 tcp/ftp > RETR a.txt
0 tcp/ftp < 150 to RETR
1 tcp/ftp-data = passive RETR a.txt of 0 by server: 5 bytes 2cf24dba
0 tcp/ftp < 226 to RETR
0 tcp/ftp > PASV
0 tcp/ftp < 227 to PASV
2 tcp/ftp-data is ftp-data by expected
0 tcp/ftp > STOR b.txt
0 tcp/ftp < 150 to STOR
2 tcp/ftp-data = passive STOR b.txt of 0 by client: 5 bytes 2cf24dba
0 tcp/ftp < 226 to STOR`},
		{"active over IPv4, the reply before the end", func(w *wire) {
			c := w.connect("10.0.0.1:40000", "10.0.0.2:7021")
			c.server("220 an FTP server\r\n")
			c.client("PORT 10,0,0,1,200,13\r\n")
			c.server("200 ok\r\n")
			c.client("LIST\r\n")
			c.server("150 here it comes\r\n")
			d := w.connect("10.0.0.2:7020", "10.0.0.1:51213")
			d.client("hello")
			c.server("226 done\r\n")
			d.close(0)
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp < 220 to
0 tcp/ftp > PORT 10,0,0,1,200,13
0 tcp/ftp < 200 to PORT
0 tcp/ftp > LIST
0 tcp/ftp < 150 to LIST
1 tcp/ftp-data is ftp-data by expected
0 tcp/ftp < 226 to LIST
1 tcp/ftp-data = active LIST  of 0 by client: 5 bytes 2cf24dba reply 226`},
		{"passive over IPv6, without a delimiter", func(w *wire) {
			c := w.connect("[2001:db8::1]:40000", "[2001:db8::2]:21")
			c.client("EPSV\r\n")
			c.server("229 Entering Extended Passive Mode 6446\r\n")
			d := w.connect("[2001:db8::1]:40001", "[2001:db8::2]:6446")
			c.client("REST 100\r\n")
			c.server("350 ok\r\n")
			c.client("RETR a\r\n")
			c.server("150 ok\r\n")
			d.server("hello")
			d.close(1)
			c.server("226 done\r\n")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp > EPSV
0 tcp/ftp < 229 to EPSV
1 tcp/ftp-data is ftp-data by expected
0 tcp/ftp > REST 100
0 tcp/ftp < 350 to REST
0 tcp/ftp > RETR a
0 tcp/ftp < 150 to RETR
1 tcp/ftp-data = passive RETR a of 0 by server: 5 bytes 2cf24dba from 100
0 tcp/ftp < 226 to RETR`},
		{"active over IPv6, empty", func(w *wire) {
			c := w.connect("[2001:db8::1]:40000", "[2001:db8::2]:21")
			c.client("EPRT |2|2001:db8::1|5282|\r\n")
			c.server("200 ok\r\n")
			c.client("NLST none\r\n")
			c.server("150 ok\r\n")
			d := w.connect("[2001:db8::2]:20", "[2001:db8::1]:5282")
			d.close(0)
			c.server("226 done\r\n")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp > EPRT |2|2001:db8::1|5282|
0 tcp/ftp < 200 to EPRT
0 tcp/ftp > NLST none
0 tcp/ftp < 150 to NLST
1 tcp/ftp-data is ftp-data by expected
1 tcp/ftp-data = active NLST none of 0 by client: 0 bytes e3b0c442
0 tcp/ftp < 226 to NLST`},
		{"behind translation, data before the command", func(w *wire) {
			c := w.connect("10.0.0.1:40000", "10.0.0.2:21")
			c.client("PASV\r\n")
			c.server("227 Entering Passive Mode (192,168,1,1,4,1)\r\n")
			d := w.connect("10.0.0.1:40001", "10.0.0.2:1025")
			d.client("hello")
			c.client("APPE log\r\n")
			d.close(0)
			c.server("125 ok\r\n")
			c.server("250 ok\r\n")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp > PASV
0 tcp/ftp < 227 to PASV
0 tcp/ftp ! 227 names another host than the one that sent it: 192.168.1.1
1 tcp/ftp-data is ftp-data by expected
0 tcp/ftp > APPE log
1 tcp/ftp-data = passive APPE log of 0 by client: 5 bytes 2cf24dba
0 tcp/ftp < 125 to APPE
0 tcp/ftp < 250 to APPE`},
		{"aborted", func(w *wire) {
			c := w.connect("10.0.0.1:40000", "10.0.0.2:21")
			c.client("PASV\r\n")
			c.server("227 Entering Passive Mode (10,0,0,2,4,1)\r\n")
			d := w.connect("10.0.0.1:40001", "10.0.0.2:1025")
			c.client("RETR big\r\n")
			c.server("150 ok\r\n")
			d.server("hello")
			c.client("\xff\xf4\xff")
			c.client("\xf2ABOR\r\n")
			d.close(1)
			c.server("426 aborted\r\n")
			c.server("226 ABOR ok\r\n")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp > PASV
0 tcp/ftp < 227 to PASV
1 tcp/ftp-data is ftp-data by expected
0 tcp/ftp > RETR big
0 tcp/ftp < 150 to RETR
0 tcp/ftp > ABOR
1 tcp/ftp-data = passive RETR big of 0 by server: 5 bytes 2cf24dba incomplete
0 tcp/ftp < 426 to RETR
0 tcp/ftp < 226 to ABOR`},
		{"a gap in the data", func(w *wire) {
			c := w.connect("10.0.0.1:40000", "10.0.0.2:21")
			c.client("PASV\r\n")
			c.server("227 Entering Passive Mode (10,0,0,2,4,1)\r\n")
			d := w.connect("10.0.0.1:40001", "10.0.0.2:1025")
			c.client("RETR big\r\n")
			d.server("hello")
			d.lose(1, 100)
			d.client("")
			d.server("x")
			d.close(1)
			c.server("226 ok\r\n")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp > PASV
0 tcp/ftp < 227 to PASV
1 tcp/ftp-data is ftp-data by expected
0 tcp/ftp > RETR big
1 tcp/ftp-data = passive RETR big of 0 by server: 106 bytes  incomplete missing 100
0 tcp/ftp < 226 to RETR`},
		{"AUTH TLS refused", func(w *wire) {
			c := w.connect("10.0.0.1:40000", "10.0.0.2:7021")
			c.client("AUTH TLS\r\n")
			c.server("502 no\r\n")
			c.client("USER a\r\n")
			c.server("331 ok\r\n")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp > AUTH TLS
0 tcp/ftp < 502 to AUTH
0 tcp/ftp > USER a
0 tcp/ftp < 331 to USER`},
		{"AUTH TLS accepted", func(w *wire) {
			c := w.connect("10.0.0.1:40000", "10.0.0.2:7021")
			c.server("220 FTP\r\n")
			c.client("AUTH TLS\r\n")
			c.server("234 go\r\n")
			c.client("\x16\x03\x01\x00")
		}, `
0 tcp/ftp is ftp by content
0 tcp/ftp < 220 to
0 tcp/ftp > AUTH TLS
0 tcp/ftp < 234 to AUTH
0 tcp/tls is tls by named`},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWire(t)
			x.play(w)
			file := w.done()
			got := told(t, file, 1)
			if want := strings.TrimSpace(x.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			for _, workers := range []int{2, 7} {
				if other := told(t, file, workers); other != got {
					t.Errorf("%d workers: got\n%s\nwith one\n%s", workers, other, got)
				}
			}
		})
	}
}

package sidebyside

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/truthcheck"
	"github.com/wiretale/wiretale/replay/truth"
)

func page(t *testing.T) (*truth.Truth, string) {
	t.Helper()
	f, err := os.Open("../../pcaps/page.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	told, err := truth.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return told, "../../pcaps/page.pcapng"
}

// All three agree on a web page, and a change of the truth shows.
func TestPage(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	told, file := page(t)
	table, err := Make(t.Context(), file, told)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != len(told.Messages) || !table.Agree() {
		t.Errorf("%d rows of %d messages", len(table.Rows), len(told.Messages))
	}
	for _, x := range table.Totals() {
		if x.Wireshark.F1() != 1 || x.Wiretale.F1() != 1 {
			t.Errorf("%+v", x)
		}
	}

	i := slices.IndexFunc(told.Messages, func(m truth.Message) bool { return m.Kind == truth.HTTPResponse })
	told.Messages[i].HTTP.Status = 404
	if table, err = Make(t.Context(), file, told); err != nil {
		t.Fatal(err)
	}
	if r := table.Rows[i]; table.Agree() || r.Wireshark.Says != Different || r.Wiretale.Says != Different {
		t.Errorf("%+v", r)
	}
	var out bytes.Buffer
	if err := table.Write(&out, Options{Width: 100}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Wireshark says: 200 http", "wiretale says: 200 GET", "1 ≠"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// Lost, missing, different and alone, in each column.
func TestPut(t *testing.T) {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	client, server := netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.0.2:25")
	told := &truth.Truth{Epoch: epoch, Hosts: []truth.Host{{Name: "a", Addrs: []netip.Addr{client.Addr()}}}}
	say := func(verb string, lost bool) {
		m := truth.Message{Kind: truth.SMTPCommand, Transport: "tcp", Client: client, Server: server, Line: &truth.Line{Verb: verb}}
		m.Sender.Start = epoch.Add(time.Second)
		if !lost {
			m.Receiver.End = epoch.Add(2 * time.Second)
		}
		told.Messages = append(told.Messages, m)
	}
	say("HELO", false)
	say("NOOP", true)
	say("RSET", false)
	say("QUIT", false)
	of := truthcheck.FromTruth(told)
	ours := slices.Clone(of[:1])
	ours[0].Frame = 5
	shown := []seen{
		{frame: 5, kind: truth.SMTPCommand, from: client, to: server, brief: "HELO"},
		{frame: 6, kind: truth.SMTPCommand, from: client, to: server, brief: "RSTE"},
		{frame: 7, kind: truth.SMTPCommand, from: server, to: client, brief: "EHLO"},
	}
	table := put(told, of, ours, shown)
	want := []Row{
		{Wireshark: Cell{Same, 5, ""}, Wiretale: Cell{Same, 5, ""}},
		{},
		{Wireshark: Cell{Different, 6, "RSTE"}},
		{},
		{Wireshark: Cell{Same, 7, ""}},
	}
	if len(table.Rows) != len(want) {
		t.Fatalf("%+v", table.Rows)
	}
	for i, w := range want {
		if r := table.Rows[i]; r.Wireshark != w.Wireshark || r.Wiretale != w.Wiretale || r.InTruth != (i < 4) || r.Lost != (i == 1) {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	x := table.Totals()[0]
	if x.Truth != 4 || x.Lost != 1 || x.Wireshark != (Score{Same: 1, Different: 1, Missing: 1, Extra: 1}) || x.Wiretale != (Score{Same: 1, Missing: 2}) {
		t.Errorf("%+v", x)
	}
}

// A reply whose lines came in several packets is one reply.
func TestWhole(t *testing.T) {
	a, b := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:25")
	got := whole([]seen{
		{frame: 1, kind: truth.SMTPReply, from: b, to: a, brief: "250 one" + more},
		{frame: 2, kind: truth.SMTPCommand, from: a, to: b, brief: "NOOP"},
		{frame: 3, kind: truth.SMTPReply, from: b, to: a, brief: "250 two" + more},
		{frame: 4, kind: truth.SMTPReply, from: b, to: a, brief: "250 three"},
		{frame: 5, kind: truth.SMTPReply, from: b, to: a, brief: "250 OK"},
	})
	var text []string
	for _, s := range got {
		text = append(text, s.brief)
	}
	if strings.Join(text, "; ") != "250 one / two / three; NOOP; 250 OK" || got[0].frame != 4 {
		t.Errorf("%q", text)
	}
}

package multiplex

import (
	"bytes"
	"crypto/x509"
	"image/png"
	"testing"
	"time"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// Certificates are the same for the same seed, and hold at the network's time.
func TestAuthority(t *testing.T) {
	issue := func(seed uint64) (der []byte, pool *x509.CertPool) {
		a, err := NewAuthority(seed)
		if err != nil {
			t.Fatal(err)
		}
		c, err := a.Issue("www.example.test")
		if err != nil {
			t.Fatal(err)
		}
		return c.Certificate[0], a.Pool()
	}
	one, pool := issue(1)
	again, _ := issue(1)
	other, others := issue(2)
	if !bytes.Equal(one, again) {
		t.Error("the same seed gives another certificate")
	}
	if bytes.Equal(one, other) {
		t.Error("another seed gives the same certificate")
	}
	cert, err := x509.ParseCertificate(one)
	if err != nil {
		t.Fatal(err)
	}
	opts := x509.VerifyOptions{DNSName: "www.example.test", Roots: pool, CurrentTime: simnet.Epoch.Add(time.Hour)}
	if _, err := cert.Verify(opts); err != nil {
		t.Error(err)
	}
	opts.Roots = others
	if _, err := cert.Verify(opts); err == nil {
		t.Error("another authority vouches for it")
	}
}

func TestMaker(t *testing.T) {
	contents := func() [][]byte {
		m := NewMaker(7, 1)
		p, err := m.PNG(3000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(p.Body)); err != nil {
			t.Error(err)
		}
		return [][]byte{p.Body, m.CSS(3000).Body, m.JS(3000).Body, m.SVG(3000).Body, m.Noise(3000).Body}
	}
	a, b := contents(), contents()
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("content %d differs from run to run", i)
		}
		if n := len(a[i]); n < 2900 || n > 3300 {
			t.Errorf("content %d has %d bytes", i, n)
		}
	}
}

// The journal tells only what both ends agree on.
func TestJournal(t *testing.T) {
	now := simnet.Epoch
	j := &journal{now: func() time.Time { now = now.Add(time.Millisecond); return now }}
	c := j.call(&Origin{}, "GET", "http://www.example.test/")
	if j.call(&Origin{}, "GET", "http://www.example.test/") != c {
		t.Fatal("a URL is two requests")
	}
	c.client.opened, c.server.opened = true, true
	var tr truth.Truth
	if err := j.tell(&tr, nil); err == nil {
		t.Error("a response that is under way was told")
	}
	c.Head(200, "text/plain")
	c.Got(3)
	c.Done([]byte("abc"))
	s := &c.server
	s.status, s.mediaType, s.bytes, s.sum, s.done = 200, "text/plain", 3, digest([]byte("abd")), true
	if err := j.tell(&tr, nil); err == nil {
		t.Error("other bytes were received than sent")
	}
	s.sum = digest([]byte("abc"))
	if err := j.tell(&tr, nil); err != nil {
		t.Error(err)
	}
	if len(tr.Messages) != 2 || tr.Messages[1].HTTP.BodyBytes != 3 {
		t.Errorf("told: %+v", tr.Messages)
	}
}

// The n-th full packet is lost, and no other.
func TestLoseOne(t *testing.T) {
	l := LoseOne(2, func() time.Time { return simnet.Epoch })
	var lost []int
	for i, size := range []int{1500, 60, 1500, 1500, 1300} {
		if l.Drop(make([]byte, size), uint64(i)) {
			lost = append(lost, i)
		}
	}
	if len(lost) != 1 || lost[0] != 2 || !l.Lost().Equal(simnet.Epoch) {
		t.Errorf("lost %v at %s", lost, l.Lost())
	}
}

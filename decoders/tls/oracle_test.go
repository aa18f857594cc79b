package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	oracle "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// tap records what each side of a connection writes, in order.
type tap struct {
	net.Conn
	from   events.Dir
	mu     *sync.Mutex
	chunks *[]dt.Chunk
}

func (t tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	*t.chunks = append(*t.chunks, dt.Chunk{From: t.from, Bytes: bytes.Clone(b)})
	t.mu.Unlock()
	return t.Conn.Write(b)
}

// play lets crypto/tls shake hands, each side say something, and close.
func play(t *testing.T, client, server *oracle.Config) (dt.Conversation, oracle.ConnectionState) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback:", err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(time.Now().Add(time.Minute))
	}
	var mu sync.Mutex
	var c dt.Conversation
	cc := oracle.Client(tap{a, events.FromClient, &mu, &c.Chunks}, client)
	sc := oracle.Server(tap{b, events.FromServer, &mu, &c.Chunks}, server)
	done, over := make(chan error, 1), make(chan struct{})
	go func() {
		_, err := io.ReadFull(sc, make([]byte, 4))
		if err == nil {
			_, err = sc.Write([]byte("pong"))
		}
		done <- err
		io.Copy(io.Discard, sc)
		sc.Close()
		close(over)
	}()
	if _, err := cc.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(cc, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	state := cc.ConnectionState()
	cc.Close()
	<-over
	return c, state
}

// What crypto/tls did is what is told.
func TestOracle(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "oracle"}, DNSNames: []string{"oracle.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	parsed, _ := x509.ParseCertificate(der)
	roots.AddCert(parsed)
	cert := oracle.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	for _, tc := range []struct {
		name    string
		version uint16
		retry   bool
		auth    bool
		trips   int
	}{
		{"1.0", oracle.VersionTLS10, false, false, 2},
		{"1.1", oracle.VersionTLS11, false, false, 2},
		{"1.2", oracle.VersionTLS12, false, true, 2},
		{"1.3", oracle.VersionTLS13, false, false, 1},
		{"1.3", oracle.VersionTLS13, true, true, 1},
	} {
		client := &oracle.Config{ServerName: "oracle.example", RootCAs: roots, NextProtos: []string{"x/1", "h2"}, MinVersion: oracle.VersionTLS10,
			ClientSessionCache: oracle.NewLRUClientSessionCache(4), Certificates: []oracle.Certificate{cert}}
		server := &oracle.Config{Certificates: []oracle.Certificate{cert}, NextProtos: []string{"h2"}, MinVersion: tc.version, MaxVersion: tc.version}
		if tc.auth {
			server.ClientAuth = oracle.RequestClientCert
		}
		if tc.retry {
			server.CurvePreferences = []oracle.CurveID{oracle.CurveP384}
			client.CurvePreferences = []oracle.CurveID{oracle.X25519, oracle.CurveP384}
		}
		for _, again := range []bool{false, true} {
			c, state := play(t, client, server)
			c.Name = tc.name
			tape := dt.Run(t, Proto, c)
			ch, sh := dt.Of[*events.TLSClientHello](tape), dt.Of[*events.TLSServerHello](tape)
			if ch[0].SNI != "oracle.example" || ch[0].ALPN[0] != "x/1" || ch[0].Version != "1.3" {
				t.Errorf("%s: %+v", tc.name, ch[0])
			}
			last := sh[len(sh)-1]
			if last.Version != tc.name || last.CipherSuite != oracle.CipherSuiteName(state.CipherSuite) || last.Resumed != state.DidResume || state.DidResume != again {
				t.Errorf("%s: %+v, resumed %v", tc.name, last, state.DidResume)
			}
			if is12 := tc.version < oracle.VersionTLS13; is12 && last.ALPN != state.NegotiatedProtocol || sh[0].Retry != (tc.retry && len(sh) == 2) || tc.retry && len(sh) != 2 {
				t.Errorf("%s: %+v", tc.name, sh)
			}
			hs := dt.Of[*events.TLSHandshake](tape)
			trips := tc.trips
			if again && tc.version < oracle.VersionTLS13 {
				trips = 1
			}
			if tc.retry {
				trips++
			}
			if len(hs) != 1 || !hs[0].Done || hs[0].RoundTrips != trips || hs[0].Resumed != again || hs[0].Version != tc.name {
				t.Errorf("%s, again %v, want %d round trips: %+v", tc.name, again, trips, hs)
			}
			certs := dt.Of[*events.TLSCertificate](tape)
			want := 0
			if tc.version < oracle.VersionTLS13 && !again {
				want = 1
				if tc.auth {
					want = 2
				}
			}
			if len(certs) != want || want > 0 && (certs[0].Names[0] != "oracle.example" || certs[0].Serial != "07") {
				t.Errorf("%s, again %v: %d certificates", tc.name, again, len(certs))
			}
			if len(dt.Of[*events.FlowViolation](tape)) > 0 {
				t.Error(tape.Records)
			}
			dt.Laws(t, Proto, c)
		}
	}
}

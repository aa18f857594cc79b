//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Real programs talk over a cable between two network namespaces, watched by
// sniff and by tcpdump. What sniff says is what analyze and decode say of the
// file that it kept, the messages are those of tcpdump's capture and those that
// the programs were told to send, and every packet is accounted for.
func TestSniffInNamespaces(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	c := newCable(t)
	t.Run("go-http", c.goHTTP)
	t.Run("go-dns", c.goDNS)
	t.Run("nginx", c.nginx)
	t.Run("dnsmasq", c.dnsmasq)
}

// watch watches the client's end of the cable while talk runs, which tells the
// messages that it sent and got, in the words of gist.
func (c *cable) watch(t *testing.T, talk func(told *told)) {
	t.Helper()
	dir := t.TempDir()
	kept, dump := filepath.Join(dir, "sniff.pcapng"), filepath.Join(dir, "tcpdump.pcap")
	before := c.sent(t)
	var s *sniffing
	if err := c.client.in(func() error {
		s = startSniff(t, "-i", clientEnd, "-w", kept, "--json")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d := c.startTcpdump(t, dump)
	untilBegun(t, kept)
	var want told
	talk(&want)
	sent := c.quiet(t) - before
	s.stop(t)
	received, dropped := d.stop(t)
	if more := c.sent(t) - before - sent; more > 0 {
		t.Fatalf("%d packets came while the captures ended", more)
	}

	ours, lost := count(s.errors.String(), `(\S+) packets? captured`), count(s.errors.String(), `(\S+) packets? dropped by`)
	if ours+lost != sent || sent == 0 {
		t.Errorf("sniff: %d packets captured + %d dropped, but %d were sent\n%s", ours, lost, sent, s.errors.String())
	}
	if received+dropped != sent {
		t.Errorf("tcpdump: %d packets captured + %d dropped, but %d were sent", received, dropped, sent)
	}
	unwritten := count(s.errors.String(), `(\S+) packets? .*not written`)
	if lost+unwritten+dropped > 0 {
		t.Skipf("packets were dropped, %d by sniff, %d by its file and %d by tcpdump: the machine is busy", lost, unwritten, dropped)
	}
	isOfFile(t, s.out.String(), kept)

	live := messages(t, s.out.String())
	other := messages(t, fromFile(t, "decode", dump))
	onlyLive, onlyOther := without(live.whole, other.whole), without(other.whole, live.whole)
	if len(onlyLive)+len(onlyOther) > 0 {
		t.Errorf("sniff alone:\n%s\ntcpdump alone:\n%s", strings.Join(onlyLive, "\n"), strings.Join(onlyOther, "\n"))
	}
	missing, more := without(want.list, live.gists), without(live.gists, want.list)
	if len(want.list) == 0 || len(missing)+len(more) > 0 {
		t.Errorf("%d messages were sent; missing are %q, too many %q", len(want.list), missing, more)
	}
	t.Logf("%d packets, none dropped; %d messages in both captures, %d of HTTP and DNS as the programs tell", sent, len(live.whole), len(live.gists))
}

// count is the sum of the numbers that an expression finds in what a program
// said.
func count(said, expr string) (n uint64) {
	for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(said, -1) {
		v, _ := strconv.ParseUint(strings.ReplaceAll(m[1], ",", ""), 10, 64)
		n += v
	}
	return n
}

// tcpdump is tcpdump at work.
type tcpdump struct {
	cmd  *exec.Cmd
	said strings.Builder
	read chan struct{} // closed when all that it said was read
}

// startTcpdump starts it on the client's end, and waits until it captures.
func (c *cable) startTcpdump(t *testing.T, file string) *tcpdump {
	t.Helper()
	// It stays root, to write where only root may.
	d := &tcpdump{cmd: exec.Command("tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-B", "16384", "-i", clientEnd, "-w", file), read: make(chan struct{})}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.client.in(d.cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.cmd.Process.Kill() })
	b := make([]byte, 4096)
	for !strings.Contains(d.said.String(), "listening on") {
		n, err := said.Read(b)
		d.said.Write(b[:n])
		if err != nil {
			t.Fatalf("tcpdump: %v: %s", err, d.said.String())
		}
	}
	go func() {
		defer close(d.read)
		io.Copy(&d.said, said)
	}()
	return d
}

// stop ends it; the figures are its own.
func (d *tcpdump) stop(t *testing.T) (received, dropped uint64) {
	t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-d.read
	if err := d.cmd.Wait(); err != nil {
		t.Fatalf("tcpdump: %v: %s", err, d.said.String())
	}
	return count(d.said.String(), `(\d+) packets? captured`), count(d.said.String(), `(\d+) packets? dropped by (?:kernel|interface)`)
}

// without are the entries of a that b does not have, as often as a has more.
func without(a, b []string) (list []string) {
	n := map[string]int{}
	for _, s := range b {
		n[s]++
	}
	for _, s := range a {
		if n[s]--; n[s] < 0 {
			list = append(list, s)
		}
	}
	return list
}

// said are the messages in lines of events.
type said struct {
	whole []string // all kinds but those of single segments, with all that does not depend on frame numbers and times
	gists []string // requests, responses, queries and answers
}

// ofMessages are the kinds of events that two captures of one wire must share:
// single segments may be seen in another order, by which they are judged.
var ofMessages = regexp.MustCompile(`^(dns|http|http2|tls)\.|^flow\.(start|end|detected)$`)

func messages(t *testing.T, lines string) (m said) {
	t.Helper()
	for l := range strings.Lines(lines) {
		var e map[string]any
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		kind, _ := e["kind"].(string)
		if !ofMessages.MatchString(kind) {
			continue
		}
		body := e["body"].(map[string]any)
		for _, field := range []string{"frame", "sub", "time", "stream"} {
			delete(e, field)
		}
		for field := range body {
			if strings.HasSuffix(field, "_frame") || field == "duration" {
				delete(body, field)
			}
		}
		whole, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		m.whole = append(m.whole, string(whole))
		switch kind {
		case "http.request":
			m.gists = append(m.gists, request(body["version"], body["method"], body["target"]))
		case "http.response":
			m.gists = append(m.gists, response(body["version"], body["status"]))
		case "dns.message":
			q := body["question"].([]any)[0].(map[string]any)
			if body["response"] == true {
				m.gists = append(m.gists, answer(e["proto"], q["name"], q["type"], body["rcode"]))
			} else {
				m.gists = append(m.gists, query(e["proto"], q["name"], q["type"]))
			}
		}
	}
	return m
}

func request(version, method, target any) string {
	return fmt.Sprintf("HTTP/%v: %v %v", version, method, target)
}
func response(version, status any) string { return fmt.Sprintf("HTTP/%v: %v", version, status) }
func query(proto, name, kind any) string  { return fmt.Sprintf("%v query %v %v", proto, name, kind) }
func answer(proto, name, kind, code any) string {
	return fmt.Sprintf("%v answer %v %v %v", proto, name, kind, code)
}

// told is what programs say that they sent and got.
type told struct {
	mu   sync.Mutex
	list []string
}

func (o *told) add(messages ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, messages...)
}

func (o *told) http(version, method, target string, status int) {
	o.add(request(version, method, target), response(version, status))
}

func (o *told) dns(proto, name, kind, code string) {
	o.add(query(proto, name, kind), answer(proto, name, kind, code))
}

// goHTTP is Go's own client and server, in HTTP/1.1 and HTTP/2.
func (c *cable) goHTTP(t *testing.T) {
	var both http.Protocols
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: &both, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
		case "/big":
			w.Write(bytes.Repeat([]byte("wiretale"), 40_000))
		default:
			io.WriteString(w, r.URL.Path)
		}
	})}
	l := c.server.listen(t, serverIP+":80")
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	c.watch(t, func(told *told) {
		for version, set := range map[string]func(*http.Protocols, bool){
			"1.1": (*http.Protocols).SetHTTP1,
			"2":   (*http.Protocols).SetUnencryptedHTTP2,
		} {
			var only http.Protocols
			set(&only, true)
			transport := &http.Transport{Protocols: &only, DialContext: func(_ context.Context, network, at string) (net.Conn, error) {
				return c.client.dial(network, at)
			}}
			client := &http.Client{Transport: transport}
			do := func(method, path string, body io.Reader) {
				r, err := http.NewRequest(method, "http://"+serverIP+path, body)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				told.http(version, method, path, resp.StatusCode)
			}
			do("GET", "/", nil)
			do("GET", "/big", nil)
			do("GET", "/missing", nil)
			do("HEAD", "/head", nil)
			do("POST", "/echo", strings.NewReader(strings.Repeat("name=value&", 5000)))
			var all sync.WaitGroup
			for i := range 6 {
				all.Go(func() { do("GET", fmt.Sprint("/at-once/", i), nil) })
			}
			all.Wait()
			transport.CloseIdleConnections()
		}
	})
}

// goDNS is github.com/miekg/dns at both ends, over UDP and TCP; an answer that
// is too long for UDP is asked for again.
func (c *cable) goDNS(t *testing.T) {
	const long = "long.example.test."
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		defer w.WriteMsg(m)
		q := r.Question[0]
		h := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 60}
		switch {
		case q.Name == "absent.example.test.":
			m.SetRcode(r, dns.RcodeNameError)
		case q.Name == long && w.RemoteAddr().Network() == "udp":
			m.Truncated = true
		case q.Qtype == dns.TypeA:
			m.Answer = append(m.Answer, &dns.A{Hdr: h, A: net.IPv4(192, 0, 2, 80)})
		case q.Qtype == dns.TypeTXT:
			for range 10 {
				m.Answer = append(m.Answer, &dns.TXT{Hdr: h, Txt: []string{strings.Repeat("wiretale", 25)}})
			}
		}
	})
	at := serverIP + ":53"
	for _, server := range []*dns.Server{{PacketConn: c.server.listenPacket(t, at)}, {Listener: c.server.listen(t, at)}} {
		server.Handler = handler
		begun := make(chan struct{})
		server.NotifyStartedFunc = func() { close(begun) }
		go server.ActivateAndServe()
		<-begun
		t.Cleanup(func() { server.Shutdown() })
	}
	c.watch(t, func(told *told) {
		ask := func(proto, name string, kind uint16) (truncated bool) {
			conn, err := c.client.dial(proto, at)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			client := &dns.Client{Net: proto, Timeout: time.Minute}
			m, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion(name, kind), &dns.Conn{Conn: conn})
			if err != nil {
				t.Fatal(err)
			}
			told.dns(proto, name, dns.TypeToString[kind], dns.RcodeToString[m.Rcode])
			return m.Truncated
		}
		for i := range 20 {
			ask("udp", fmt.Sprintf("host%d.example.test.", i), dns.TypeA)
		}
		ask("udp", "absent.example.test.", dns.TypeAAAA)
		if !ask("udp", long, dns.TypeTXT) || ask("tcp", long, dns.TypeTXT) {
			t.Error("the long answer: not cut over UDP, or cut over TCP")
		}
	})
}

// installed skips the test where a program is missing.
func installed(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

// nginx is a Debian web server and curl, in HTTP/1.1 and, where curl has it,
// HTTP/2 without an upgrade.
func (c *cable) nginx(t *testing.T) {
	installed(t, "nginx", "curl")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nginx.conf": fmt.Sprintf(`daemon off; master_process off; pid nginx.pid; error_log stderr;
			events { worker_connections 64; }
			http {
				access_log off; root %s; sendfile on;
				client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
				types { text/html html; text/plain txt; }
				gzip on; gzip_types text/plain;
				server { listen %s:80; }
				server { listen %[2]s:81 http2; }
			}`, dir, serverIP),
		"index.html": "<p>A page.</p>",
		"long.txt":   strings.Repeat("A line of a long text.\n", 20_000),
		"data":       strings.Repeat("wiretale", 50_000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.server.serve(t, serverIP+":81", exec.Command("nginx", "-p", dir, "-c", "nginx.conf", "-e", "stderr"))
	features, err := exec.Command("curl", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	c.watch(t, func(told *told) {
		curl := func(args string) {
			if _, err := c.client.run(exec.Command("curl", strings.Fields("-q -sS --noproxy * "+args)...)); err != nil {
				t.Fatal(err)
			}
		}
		type fetched struct {
			path   string
			status int
		}
		get := func(version, flags, port string, all ...fetched) {
			method := "GET"
			for _, f := range strings.Fields(flags) {
				switch f {
				case "-I":
					method = "HEAD"
				case "-d":
					method = "POST"
				}
			}
			for _, f := range all {
				flags += " http://" + serverIP + ":" + port + f.path
				told.http(version, method, f.path, f.status)
			}
			curl(flags)
		}
		get("1.1", "", "80", fetched{"/", 200}, fetched{"/data", 200}, fetched{"/missing", 404})
		get("1.1", "--parallel", "80", fetched{"/data?1", 200}, fetched{"/data?2", 200}, fetched{"/data?3", 200})
		get("1.1", "-d name=value", "80", fetched{"/", 405})
		ways := [][2]string{{"1.1", "80"}}
		if bytes.Contains(features, []byte("HTTP2")) {
			ways = append(ways, [2]string{"2", "81"})
		} else {
			t.Log("curl has no HTTP/2")
		}
		// One at a time: Debian's curl 7.88 fails at a second request on a
		// connection of HTTP/2 that it began without an upgrade.
		for _, w := range ways {
			flags := "--http" + w[0]
			if w[0] == "2" {
				flags += "-prior-knowledge"
			}
			get(w[0], flags, w[1], fetched{"/", 200})
			get(w[0], flags, w[1], fetched{"/data", 200})
			get(w[0], flags, w[1], fetched{"/missing", 404})
			get(w[0], flags+" --compressed", w[1], fetched{"/long.txt", 200})
			get(w[0], flags+" -r 100-199", w[1], fetched{"/data", 206})
			get(w[0], flags+" -I", w[1], fetched{"/index.html", 200})
		}
	})
}

// dnsmasq is a Debian name server and the C library's resolver.
func (c *cable) dnsmasq(t *testing.T) {
	installed(t, "dnsmasq", "getent", "mount")
	dir := t.TempDir()
	conf, names := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "nsswitch.conf")
	for file, text := range map[string]string{
		conf:  "nameserver " + serverIP + "\noptions timeout:30 attempts:1\n",
		names: "hosts: dns\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.server.serve(t, serverIP+":53", exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--group=root",
		"--no-resolv", "--no-hosts", "--bind-interfaces", "--listen-address="+serverIP,
		"--host-record=www.example.test,192.0.2.80", "--cname=alias.example.test,www.example.test", "--address=/absent.test/"))
	c.watch(t, func(told *told) {
		// In a name space of mounts of its own, the resolver is told where to ask.
		lookUp := func(what, name string, found bool) {
			cmd := exec.Command("sh", "-c", `mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf || exit 9; exec getent "$3" "$4"`,
				"sh", conf, names, what, name)
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
			const absent = 2 // exit code of getent
			if _, err := c.client.run(cmd); found && err != nil || !found && cmd.ProcessState.ExitCode() != absent {
				t.Fatalf("getent %s %s: %v", what, name, err)
			}
		}
		for range 5 {
			lookUp("ahostsv4", "www.example.test.", true)
			told.dns("udp", "www.example.test.", "A", "NOERROR")
		}
		lookUp("ahostsv4", "alias.example.test.", true)
		told.dns("udp", "alias.example.test.", "A", "NOERROR")
		lookUp("ahostsv4", "absent.test.", false)
		told.dns("udp", "absent.test.", "A", "NXDOMAIN")
		lookUp("hosts", "192.0.2.80", true)
		told.dns("udp", "80.2.0.192.in-addr.arpa.", "PTR", "NOERROR")
	})
}

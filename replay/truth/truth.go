// Package truth is what truly happened in a replayed scenario: what the
// network was told to do, and what each host says that it sent and received,
// and when. It is written by the hosts and the network themselves. It must
// never be made by decoding the capture: it is there to check decoders.
package truth

import (
	"encoding/json"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Truth is the file that goes with the capture of a scenario. All times are of
// the capture's clock, which begins at Epoch.
type Truth struct {
	Scenario string    `json:"scenario"`
	Seed     uint64    `json:"seed"`
	At       string    `json:"at"`  // capture point: client, middle or server
	RTT      Duration  `json:"rtt"` // configured, to the main server of the scenario
	Epoch    time.Time `json:"epoch"`

	Hosts       []Host       `json:"hosts"`
	Paths       []Path       `json:"paths"`
	Connections []Connection `json:"connections"` // in order of ConnectStart
	Messages    []Message    `json:"messages"`    // in order of the sender's Start
	Drops       []Drop       `json:"drops"`       // in order of Time
	// Protected are the messages that went under TLS, told by the applications:
	// a capture has them only for who has the keys. Messages has the hellos and
	// the encrypted bytes instead.
	Protected []Message `json:"protected,omitempty"`

	Rate    int64    `json:"rate,omitempty"` // bit/s of the main link
	Loss    float64  `json:"loss,omitempty"`
	Jitter  Duration `json:"jitter,omitempty"`
	Reorder float64  `json:"reorder,omitempty"`

	// What is more to say of some scenarios.
	Cache   []CacheDecision `json:"cache,omitempty"`   // in order of Time
	Choices []Choice        `json:"choices,omitempty"` // in order of Time
	Peers   []Peer          `json:"peers,omitempty"`
	Facts   map[string]any  `json:"facts,omitempty"` // figures by name, each told in the scenario's README
}

// Host is one machine of the scenario.
type Host struct {
	Name  string       `json:"name"`
	Role  string       `json:"role"` // what it is to the scenario, in words
	MAC   string       `json:"mac"`  // of its Ethernet frames in the capture
	Addrs []netip.Addr `json:"addrs"`
}

// Path is one direction between two hosts, and what the network carried there.
type Path struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Delay   Duration `json:"delay"`   // configured, one way
	Packets uint64   `json:"packets"` // handed over by From
	Bytes   uint64   `json:"bytes"`   // of these packets, IP headers included

	Rate    int64    `json:"rate,omitempty"`   // bit/s of whole frames; 0: no limit
	Queue   int      `json:"queue,omitempty"`  // bytes that may wait at Rate
	Loss    float64  `json:"loss,omitempty"`   // configured share
	Jitter  Duration `json:"jitter,omitempty"` // configured, at most
	Reorder float64  `json:"reorder,omitempty"`
	Dropped uint64   `json:"dropped,omitempty"` // of Packets
}

// Connection is one TCP connection as its two ends know it.
type Connection struct {
	ID     int            `json:"id"` // index in Truth.Connections
	Client netip.AddrPort `json:"client"`
	Server netip.AddrPort `json:"server"`

	// ConnectStart is before the client's SYN; ConnectEnd is after the
	// handshake is over at the client.
	ConnectStart time.Time `json:"connect_start"`
	ConnectEnd   time.Time `json:"connect_end"`
	// Accepted is when the server's application got the connection.
	Accepted time.Time `json:"accepted"`
	// ClientClosed and ServerClosed are when each application gave the
	// connection up; the FIN of that side is sent at this moment or, if data
	// waits to be sent, after it.
	ClientClosed time.Time `json:"client_closed"`
	ServerClosed time.Time `json:"server_closed"`

	// Bytes that the applications wrote to their sockets.
	ClientBytes int64 `json:"client_bytes"`
	ServerBytes int64 `json:"server_bytes"`
}

// Kind says what a message is. The names are those of events, except that a
// DNS message is told by its direction.
type Kind string

// The kinds of messages.
const (
	DNSQuery     Kind = "dns.query"
	DNSResponse  Kind = "dns.response"
	HTTPRequest  Kind = "http.request"
	HTTPResponse Kind = "http.response"
	SMTPCommand  Kind = "smtp.command"
	SMTPReply    Kind = "smtp.reply"
	POP3Command  Kind = "pop3.command"
	POP3Reply    Kind = "pop3.reply"
	IMAPCommand  Kind = "imap.command"
	IMAPResponse Kind = "imap.response"
	FTPCommand   Kind = "ftp.command"
	FTPReply     Kind = "ftp.reply"
	FTPData      Kind = "ftp.data"
	MailMessage  Kind = "mail.message"
	BitTorrent   Kind = "bittorrent.message" // also the handshake
	Tracker      Kind = "bittorrent.tracker" // requests and responses
	DHT          Kind = "dht.message"
	TLSHello     Kind = "tls.hello" // that one was sent; what is inside is not told
	Encrypted    Kind = "encrypted" // application bytes under TLS or QUIC, one direction of a connection
)

// Message is one application message, with what both ends say of it. One of
// DNS, HTTP, Line, Object and Peer is set.
type Message struct {
	Kind      Kind           `json:"kind"`
	Transport string         `json:"transport"` // udp or tcp
	Client    netip.AddrPort `json:"client"`
	Server    netip.AddrPort `json:"server"`
	// Connection is the index of its TCP connection; nil over UDP.
	Connection *int `json:"connection,omitempty"`

	Sender   End `json:"sender"`
	Receiver End `json:"receiver"`
	// Lost is set where the network dropped it, so that nobody received it.
	Lost bool `json:"lost,omitempty"`

	DNS  *DNS  `json:"dns,omitempty"`
	HTTP *HTTP `json:"http,omitempty"`
	// Line is a command or a reply of SMTP, POP3, IMAP or FTP.
	Line *Line `json:"line,omitempty"`
	// Object is a mail message, or what an FTP data connection carried.
	Object *Object `json:"object,omitempty"`
	// Wire is a message between peers, to a tracker, or of the DHT.
	Wire *Wire `json:"wire,omitempty"`
	// TLS is what a hello said in clear.
	TLS *TLS `json:"tls,omitempty"`
}

// TLS is a hello of TLS as the host that sent it means it; names are those of
// the IANA registries.
type TLS struct {
	Hello       string   `json:"hello"`                  // client or server
	Random      string   `json:"random,omitempty"`       // of a client's, hex
	ServerName  string   `json:"server_name,omitempty"`  // of a client's
	ALPN        []string `json:"alpn,omitempty"`         // of a client's: offered
	Version     string   `json:"version,omitempty"`      // of a server's: chosen
	CipherSuite string   `json:"cipher_suite,omitempty"` // of a server's
}

// Line is a command (Verb, Args) or a reply (Code or Status, Lines). Lines are
// without the code; of IMAP one line, without tag and status.
type Line struct {
	Tag    string   `json:"tag,omitempty"` // of IMAP: "*", "+" or that of a command
	Verb   string   `json:"verb,omitempty"`
	Args   string   `json:"args,omitempty"`
	Code   int      `json:"code,omitempty"`
	Status string   `json:"status,omitempty"` // +OK, -ERR, OK, NO, BAD
	Lines  []string `json:"lines,omitempty"`
}

// Object is a whole thing that was carried. Of encrypted bytes, Bytes is what
// was handed to the TCP socket, or in datagrams to the UDP socket, on one side
// of one conversation: hellos, record headers and all.
type Object struct {
	// Name is the path in the command of FTP, the Message-ID of a mail.
	Name   string `json:"name,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"` // hex
	// Read is how many of Bytes the receiver read, where that is less and the
	// network lost some before the capture point: who sends and hangs up at once
	// does not send them again. A capture has these at least.
	Read *int64 `json:"read,omitempty"`
	// Parts are those of a mail, depth first, as its author made them.
	Parts []Part `json:"parts,omitempty"`
}

// Part is a MIME part (RFC 2046) of a mail.
type Part struct {
	ContentType string `json:"content_type"` // without parameters
	Filename    string `json:"filename,omitempty"`
	Encoding    string `json:"encoding,omitempty"` // Content-Transfer-Encoding
	Bytes       int64  `json:"bytes"`              // before that was applied; of a multipart 0
	SHA256      string `json:"sha256,omitempty"`   // hex; none of a multipart or of a letter inside
}

// Wire is a message of BitTorrent: between peers, with a tracker, of the DHT.
// Names and forms of the fields are those of the events.
type Wire struct {
	// Type is that of the peer's message, or "handshake"; announce, scrape or
	// connect of a tracker; query, response or error of the DHT.
	Type     string `json:"type"`
	InfoHash string `json:"info_hash,omitempty"`
	Piece    *int   `json:"piece,omitempty"`
	Begin    *int   `json:"begin,omitempty"`
	Length   *int   `json:"length,omitempty"`

	PeerID    string   `json:"peer_id,omitempty"`   // hex
	Reserved  string   `json:"reserved,omitempty"`  // of a handshake, hex
	Pieces    string   `json:"pieces,omitempty"`    // bit field, hex
	Extension string   `json:"extension,omitempty"` // handshake, ut_pex
	Port      uint16   `json:"port,omitempty"`
	Peers     []string `json:"peers,omitempty"` // address:port; of ut_pex, those that came
	Dropped   []string `json:"dropped,omitempty"`

	// Of a tracker.
	Response   bool   `json:"response,omitempty"`
	Event      string `json:"event,omitempty"`
	Uploaded   *int64 `json:"uploaded,omitempty"`
	Downloaded *int64 `json:"downloaded,omitempty"`
	Left       *int64 `json:"left,omitempty"`
	Interval   int64  `json:"interval,omitempty"` // seconds
	Seeders    *int64 `json:"seeders,omitempty"`
	Leechers   *int64 `json:"leechers,omitempty"`

	// Transaction is of the DHT or of a tracker over UDP, ConnectionID of the
	// latter; both in hex.
	Transaction  string `json:"transaction,omitempty"`
	ConnectionID string `json:"connection_id,omitempty"`

	// Of the DHT.
	Query  string   `json:"query,omitempty"`
	ID     string   `json:"id,omitempty"` // of the sender, hex
	Target string   `json:"target,omitempty"`
	Nodes  []string `json:"nodes,omitempty"`  // id@address:port
	Values []string `json:"values,omitempty"` // address:port of peers
	Token  string   `json:"token,omitempty"`  // hex
}

// CacheDecision is what a cache did with one question or request.
type CacheDecision struct {
	Time    time.Time `json:"time"`
	Host    string    `json:"host"`    // that decided
	Key     string    `json:"key"`     // name and type, or URL
	Outcome string    `json:"outcome"` // hit, miss, revalidated, stale
	Why     string    `json:"why"`
}

// Choice is a decision of a host that no message shows by itself: a choke, an
// unchoke (and why), a rate that a player chose, an edge that a CDN chose.
type Choice struct {
	Time time.Time `json:"time"`
	Host string    `json:"host"`
	What string    `json:"what"` // choke, unchoke, optimistic_unchoke, request, switch, stall, …
	Of   string    `json:"of"`   // whom or what
	Why  string    `json:"why,omitempty"`
	// Connection is the index of the TCP connection that it is about; nil where
	// it is about none: two peers may have two for a moment.
	Connection *int `json:"connection,omitempty"`
	// Piece is the piece that was chosen, Copies what it was chosen by: for
	// each piece in order, how many of the host's neighbours have it, or "-"
	// where the host does not lack it or the one it asks has it not.
	Piece  *int   `json:"piece,omitempty"`
	Copies string `json:"copies,omitempty"`
	// Rates are what a choke or unchoke was decided by, best first.
	Rates []Rate `json:"rates,omitempty"`
}

// Rate is what a host measured of another.
type Rate struct {
	Host string `json:"host"`
	Bits int64  `json:"bits"` // a second
}

// Peer is what one peer had at one moment.
type Peer struct {
	Time   time.Time `json:"time"`
	Host   string    `json:"host"`
	Pieces string    `json:"pieces"` // bit field, hex
}

// End is a message seen from one host.
//
// At the sender, Start is just before the first byte is handed to the socket
// and End just after the last one was taken. At the receiver, Start is when
// the first byte, and End when the last one, had been read by the application.
type End struct {
	Host  string    `json:"host"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// DNS is a DNS message (RFC 1035 section 4).
type DNS struct {
	ID       uint16     `json:"id"`
	Rcode    string     `json:"rcode"` // NOERROR, NXDOMAIN, ...
	Question []Question `json:"question"`
	Answer   []Record   `json:"answer,omitempty"`
	Size     int        `json:"size"` // bytes of the message

	// Flags are those that are set, in the order of the header: aa, tc, rd,
	// ra, ad, cd.
	Flags      []string `json:"flags,omitempty"`
	Authority  []Record `json:"authority,omitempty"`
	Additional []Record `json:"additional,omitempty"` // without the OPT record
}

// Question is what a DNS message asks.
type Question struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Class string `json:"class"`
}

// Record is a resource record; Data is in zone-file form.
type Record struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Class string `json:"class"`
	TTL   uint32 `json:"ttl"` // seconds
	Data  string `json:"data"`
}

// HTTP is a request or a response (RFC 9110). Method and URL are those of the
// request in both.
type HTTP struct {
	Ordinal int    `json:"ordinal"` // 1 for the first request on its connection, and for its response
	Method  string `json:"method"`
	URL     string `json:"url"`
	Status  int    `json:"status,omitempty"` // of a response

	ContentType string `json:"content_type,omitempty"`
	BodyBytes   int64  `json:"body_bytes"`       // content, without transfer coding
	SHA256      string `json:"sha256,omitempty"` // of the content, in hex; none when there is no content

	// Ready is when the server had the head of the response made. Where the
	// sender's Start is later, the response waited for those before it.
	Ready *time.Time `json:"ready,omitempty"`
	// Fields are those fields that steer caches, redirects and cookies, by
	// lower-case name; several of one name are joined by ", ".
	Fields map[string]string `json:"fields,omitempty"`
}

// Drop is a packet that the network did not deliver.
type Drop struct {
	Time   time.Time  `json:"time"` // when the sender handed it over
	From   string     `json:"from"` // host
	Src    netip.Addr `json:"src"`
	Dst    netip.Addr `json:"dst"`
	Bytes  int        `json:"bytes"` // IP header included
	Reason string     `json:"reason"`

	To       string   `json:"to,omitempty"` // host at the other end of the link; none: no link leads there
	Proto    string   `json:"proto,omitempty"`
	SrcPort  uint16   `json:"src_port,omitempty"`
	DstPort  uint16   `json:"dst_port,omitempty"`
	Seq      *uint32  `json:"seq,omitempty"`   // of TCP, as on the wire
	Flags    []string `json:"flags,omitempty"` // of TCP, those that are set: fin, syn, rst, psh, ack
	Payload  int      `json:"payload"`         // bytes behind the header of TCP or UDP
	Captured bool     `json:"captured"`        // it passed the capture point before it was lost
}

// Duration is a span of time. In JSON it is a number of seconds.
type Duration time.Duration

// Std is d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalJSON writes seconds.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(d).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads seconds, to the nearest nanosecond.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s float64
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*d = Duration(math.Round(s * 1e9))
	return nil
}

// Write writes t as indented JSON.
func (t *Truth) Write(w io.Writer) error {
	// An empty list says "none"; null would say "not known".
	if t.Connections == nil {
		t.Connections = []Connection{}
	}
	if t.Messages == nil {
		t.Messages = []Message{}
	}
	if t.Drops == nil {
		t.Drops = []Drop{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(t)
}

// Read reads what Write wrote.
func Read(r io.Reader) (*Truth, error) {
	t := new(Truth)
	if err := json.NewDecoder(r).Decode(t); err != nil {
		return nil, err
	}
	return t, nil
}

// SortMessages brings the messages into the order of their sending.
func (t *Truth) SortMessages() {
	slices.SortStableFunc(t.Messages, func(a, b Message) int { return a.Sender.Start.Compare(b.Sender.Start) })
}

package events

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Limits bounds every map, slice and queue of the program. Reaching one is a
// flow.limit event that bears its name; nothing is dropped in silence.
type Limits struct {
	Flows           int `limit:"flows" default:"1000000" doc:"conversations held at once; the least recently used goes"`
	PastFlows       int `limit:"past-flows" default:"262144" doc:"ended conversations whose stream number is remembered"`
	Fragments       int `limit:"fragments" default:"4096" doc:"IP datagrams being put together"`
	FragmentBytes   int `limit:"fragment-bytes" default:"16777216" doc:"bytes held of IP fragments"`
	FragmentSeconds int `limit:"fragment-seconds" default:"60" doc:"seconds of capture time an IP datagram waits for its fragments"`
	OutOfOrder      int `limit:"out-of-order" default:"1048576" doc:"bytes held behind a hole, each side"`
	OutOfOrderTotal int `limit:"out-of-order-total" default:"1073741824" doc:"bytes held behind holes, all flows"`
	Unacked         int `limit:"unacked" default:"4096" doc:"segments waiting for their ACK, each side"`
	Waiting         int `limit:"waiting" default:"65536" doc:"bytes held for a decoder, each side"`
	Unknown         int `limit:"unknown" default:"16384" doc:"bytes held while the protocol is unknown, each side"`
	Nesting         int `limit:"nesting" default:"8" doc:"protocols, or tunnels, one inside another"`
	Expectations    int `limit:"expectations" default:"4096" doc:"announced flows (FTP data) not yet seen"`
	PendingRequests int `limit:"pending-requests" default:"256" doc:"requests without an answer, each connection"`
	HTTPHead        int `limit:"http-head" default:"65536" doc:"bytes of one HTTP head"`
	HTTPHeaders     int `limit:"http-headers" default:"1000" doc:"field lines of one HTTP head"`
	DecodedBytes    int `limit:"decoded-bytes" default:"1073741824" doc:"bytes one body may grow to when decompressed"`
	DecodedRatio    int `limit:"decoded-ratio" default:"2000" doc:"times one body may grow when decompressed"`
	DocumentBytes   int `limit:"document-bytes" default:"262144" doc:"bytes that questions read of one HTML page, style sheet or manifest"`
	DNSRecords      int `limit:"dns-records" default:"4096" doc:"records of one DNS message"`
	DNSText         int `limit:"dns-text" default:"1048576" doc:"bytes of text of one DNS message: a pointer of two bytes stands for a long name"`
	CaptureMeta     int `limit:"capture-meta" default:"33554432" doc:"bytes kept of names, comments, statistics and secrets of the captures"`
	MergeFiles      int `limit:"merge-files" default:"1000" doc:"files of the same time that are read side by side"`
	FoldKeys        int `limit:"fold-keys" default:"1000000" doc:"keys held by one analysis; the least recently used is answered early"`
	FoldSamples     int `limit:"fold-samples" default:"1024" doc:"samples kept exactly for one median; beyond it is a histogram (1 % wide)"`
	FoldPending     int `limit:"fold-pending" default:"4096" doc:"open questions held under one key of an analysis"`
	POP3Line        int `limit:"pop3-line" default:"8192" doc:"bytes of one line of POP3 outside messages"`
	POP3Lines       int `limit:"pop3-lines" default:"65536" doc:"lines kept of one multi-line reply of POP3"`
	IMAPLine        int `limit:"imap-line" default:"65535" doc:"bytes of text of one IMAP command or response, without literals"`
	IMAPLiterals    int `limit:"imap-literals" default:"4096" doc:"literals listed of one IMAP command or response"`
	UTPConnections  int `limit:"utp-connections" default:"64" doc:"uTP connections held of one UDP flow; the oldest goes"`
	TorrentMessage  int `limit:"torrent-message" default:"65536" doc:"bytes held of one BitTorrent message; blocks of pieces are never held"`
	TorrentSearch   int `limit:"torrent-search" default:"262144" doc:"bytes passed over after a loss while the next BitTorrent message is looked for"`
	TorrentRuns     int `limit:"torrent-runs" default:"8" doc:"pieces being written out at once, each side of a BitTorrent connection"`
	TrackerBody     int `limit:"tracker-body" default:"1048576" doc:"bytes held of one answer of a BitTorrent tracker"`
	BencodeItems    int `limit:"bencode-items" default:"65536" doc:"values in one bencoded message"`
	BencodeDepth    int `limit:"bencode-depth" default:"16" doc:"lists and dictionaries of a bencoded message, one inside another (64 at most)"`
	FTPLine         int `limit:"ftp-line" default:"8192" doc:"bytes of one line of FTP"`
	FTPReply        int `limit:"ftp-reply" default:"65536" doc:"bytes of the lines of one FTP reply"`
	MailHeader      int `limit:"mail-header" default:"262144" doc:"bytes of the headers of one mail message, its parts' too"`
	MailParts       int `limit:"mail-parts" default:"1000" doc:"MIME parts listed of one mail message"`
	MailNesting     int `limit:"mail-nesting" default:"50" doc:"multiparts and messages, one inside another, of one mail message"`
	MailRecipients  int `limit:"mail-recipients" default:"1000" doc:"recipients of one SMTP transaction that are listed"`
	SMTPLine        int `limit:"smtp-line" default:"16384" doc:"bytes of one SMTP command or reply line"`
	SMTPReply       int `limit:"smtp-reply" default:"65536" doc:"bytes of the lines of one SMTP reply"`
	QUICConnections int `limit:"quic-connections" default:"16" doc:"QUIC connections followed on one flow; the oldest goes"`
	QUICCrypto      int `limit:"quic-crypto" default:"65536" doc:"bytes of a handshake in QUIC that wait for those before them, each side"`
	TLSHandshake    int `limit:"tls-handshake" default:"131072" doc:"bytes of one TLS handshake message"`
	TLSCertificates int `limit:"tls-certificates" default:"64" doc:"certificates told of one TLS chain"`
	HTTP2Streams    int `limit:"http2-streams" default:"4096" doc:"streams of one HTTP/2 connection followed at once"`
	HTTP2Table      int `limit:"http2-table" default:"65536" doc:"bytes of one HPACK dynamic table"`
	HTTP2Settings   int `limit:"http2-settings" default:"64" doc:"parameters listed of one SETTINGS frame of HTTP/2"`
	ExtractBytes    int `limit:"extract-bytes" default:"1073741824" doc:"bytes that --extract writes of one object"`
	ExtractTotal    int `limit:"extract-total" default:"17179869184" doc:"bytes that --extract writes in all"`
	ExtractFiles    int `limit:"extract-files" default:"100000" doc:"files that --extract writes"`
	ExtractOpen     int `limit:"extract-open" default:"512" doc:"objects under way at once for --extract; the one silent for longest ends early"`
}

// DefaultLimits are the limits when nothing else is said.
func DefaultLimits() Limits {
	var l Limits
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		n, err := strconv.Atoi(v.Type().Field(i).Tag.Get("default"))
		if err != nil {
			panic(err)
		}
		v.Field(i).SetInt(int64(n))
	}
	return l
}

// Set changes one limit, given as name=value.
func (l *Limits) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("limit %q: want name=value", s)
	}
	v := reflect.ValueOf(l).Elem()
	var names []string
	for i := range v.NumField() {
		f := v.Type().Field(i).Tag.Get("limit")
		names = append(names, f)
		if f != name {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("limit %s: %q is not a positive number", name, value)
		}
		v.Field(i).SetInt(int64(n))
		return nil
	}
	sort.Strings(names)
	return fmt.Errorf("limit %q is not known; there are: %s", name, strings.Join(names, ", "))
}

// LimitInfo describes one limit for help texts.
type LimitInfo struct {
	Name, Doc string
	Default   int
}

// AllLimits lists every limit in the order of the struct.
func AllLimits() []LimitInfo {
	t := reflect.TypeFor[Limits]()
	out := make([]LimitInfo, t.NumField())
	for i := range out {
		tag := t.Field(i).Tag
		n, _ := strconv.Atoi(tag.Get("default"))
		out[i] = LimitInfo{tag.Get("limit"), tag.Get("doc"), n}
	}
	return out
}

package report

import (
	"testing"

	"github.com/wiretale/wiretale/events"
)

func TestSummary(t *testing.T) {
	q := []events.DNSQuestion{{Name: "example.com.", Type: "A", Class: "IN"}}
	a := func(n int) (out []events.DNSRecord) {
		for range n {
			out = append(out, events.DNSRecord{Name: "example.com.", Type: "A", Class: "IN", TTL: 60, Data: "1.2.3.4"})
		}
		return out
	}
	tests := []struct {
		body events.Body
		want string
	}{
		{&events.DNSMessage{ID: 0x1a2b, Opcode: "QUERY", Question: q}, "query A example.com. (id 0x1a2b)"},
		{&events.DNSMessage{ID: 0xb, Opcode: "QUERY", Question: append(q, q...)}, "query A example.com. (+1) (id 0x000b)"},
		{&events.DNSMessage{ID: 1, Opcode: "QUERY", Response: true, Rcode: "NOERROR", Question: q, Answer: a(3)}, "answer NOERROR example.com. A 1.2.3.4 (+2) (id 0x0001)"},
		{&events.DNSMessage{ID: 1, Opcode: "QUERY", Response: true, Rcode: "NXDOMAIN", Question: q}, "answer NXDOMAIN example.com. A (id 0x0001)"},
		{&events.DNSMessage{ID: 1, Opcode: "QUERY", Response: true, TC: true, Rcode: "NOERROR", Question: q}, "answer NOERROR example.com. A truncated (id 0x0001)"},
		{&events.DNSMessage{ID: 1, Opcode: "QUERY", Response: true, Rcode: "NOERROR", Question: q, Authority: []events.DNSRecord{{Name: "com.", Type: "NS", Data: "a.gtld-servers.net."}}},
			"answer NOERROR example.com. A → com. NS a.gtld-servers.net. (id 0x0001)"},
		{&events.DNSMessage{Opcode: "QUERY", Response: true, Rcode: "NOERROR", Answer: a(1)}, "answer NOERROR example.com. A 1.2.3.4"},
		{&events.DNSMessage{ID: 2, Opcode: "UPDATE", Question: []events.DNSQuestion{{Name: "zone.", Type: "SOA"}}}, "UPDATE SOA zone. (id 0x0002)"},

		{&events.HTTPRequest{Method: "GET", Target: "/path", Host: "host", Version: "1.1"}, "GET http://host/path HTTP/1.1"},
		{&events.HTTPRequest{Method: "GET", Target: "/path", Version: "1.0"}, "GET /path HTTP/1.0"},
		{&events.HTTPRequest{Method: "CONNECT", Target: "host:443", Host: "host:443", Version: "1.1"}, "CONNECT host:443 HTTP/1.1"},
		{&events.HTTPRequest{Method: "GET", Target: "http://a/b", Host: "a", Version: "1.1"}, "GET http://a/b HTTP/1.1"},
		{&events.HTTPRequest{Method: "GET", Target: "/", Scheme: "https", Host: "a", Version: "2"}, "GET https://a/ HTTP/2"},
		{&events.HTTPResponse{Status: 200, Reason: "OK", Headers: []events.Header{{"content-type", "text/html; charset=utf-8"}}}, "200 OK text/html"},
		{&events.HTTPResponse{Status: 302, Reason: "Found", RequestFrame: 4, Headers: []events.Header{{"Location", "/x"}}}, "302 Found → /x (to frame 4)"},
		{&events.HTTPBody{Of: "response", Bytes: 12345, Complete: true}, "body of response 12.3 kB"},
		{&events.HTTPBody{Of: "request", Bytes: 10, ContentEncoding: "gzip", DecodedBytes: 2000}, "body of request 10 B gzip of 2.00 kB, incomplete"},
		{&events.HTTPBody{Of: "response", Bytes: 10, Missing: 3}, "body of response 10 B, 3 B never captured"},

		{&events.QUICPacket{Type: "initial", Version: "1", DCID: "8394", SCID: "f0", PacketNumber: new(uint64), Length: 1200, Token: 5}, "initial version 1 number 0 to 8394 from f0, 1.20 kB, token of 5 B"},
		{&events.QUICPacket{Type: "version_negotiation", SCID: "f0", Versions: []string{"1", "2"}, Length: 20}, "version_negotiation from f0, 20 B, offers 1 2"},
		{&events.QUICPacket{Type: "initial", Version: "1", ErrorCode: new(uint64), Reason: "bye", Length: 50}, "initial version 1, 50 B, closed with 0x0 bye"},
		{&events.QUICPacket{Type: "1rtt", DCID: "8394", Length: 40}, "1rtt to 8394, 40 B"},

		{&events.BitTorrentHandshake{InfoHash: "ab12", Client: "Transmission 4.0.4"}, "handshake for ab12, Transmission 4.0.4"},
		{&events.BitTorrentHandshake{Encryption: "mse"}, "handshake, encrypted (mse)"},
		{&events.BitTorrentMessage{Type: "piece", Piece: new(uint32), Begin: new(uint32), Length: new(uint32)}, "piece 0 from 0, 0 B, incomplete"},
		{&events.BitTorrentMessage{Type: "bitfield", Pieces: "ff00", Complete: true}, "bitfield of 16 pieces at most"},
		{&events.BitTorrentMessage{Type: "extended", Extension: "handshake", Client: "X", Port: 6881, Complete: true}, "extended handshake, X, port 6881"},
		{&events.BitTorrentMessage{Type: "extended", Extension: "ut_metadata", Metadata: &events.BitTorrentMeta{Type: "data", Piece: 2}, Complete: true}, "extended ut_metadata data 2"},
		{&events.BitTorrentMessage{Type: "extended", Extension: "ut_pex", Peers: []string{"192.0.2.1:1", "192.0.2.2:2"}, Dropped: []string{"192.0.2.3:3"}, Complete: true}, "extended ut_pex, 2 peers: 192.0.2.1:1, …, 1 peer gone"},
		{&events.TrackerRequest{Action: "announce", InfoHash: "ab12", Event: "started", Client: "X"}, "tracker announce ab12, started, X"},
		{&events.TrackerResponse{Action: "announce", Interval: 60, Peers: []string{"192.0.2.1:1"}, RequestFrame: 4}, "tracker answer to announce, 1 peer: 192.0.2.1:1, again in 60 s (to frame 4)"},
		{&events.TrackerResponse{Action: "announce", Failure: "no"}, "tracker answer to announce, failure: no"},
		{&events.FTPCommand{Verb: "RETR", Args: "a b"}, "RETR a b"},
		{&events.SMTPCommand{Verb: "MAIL", Args: "FROM:<a@b>"}, "MAIL FROM:<a@b>"},
		{&events.SMTPCommand{Args: "<redacted>"}, "AUTH step <redacted>"},
		{&events.SMTPReply{Code: 250, Lines: []string{"hi", "SIZE 9"}, Verb: "EHLO", CommandFrame: 3}, "250 hi (+1 line) (to EHLO, frame 3)"},
		{&events.SMTPReply{Code: 250, Lines: []string{"taken"}, Verb: ".", CommandFrame: 9}, "250 taken (to message, frame 9)"},
		{&events.MailMessage{Subject: "hi", From: "a@b", Bytes: 1000, Complete: true, Parts: []events.MailPart{{Filename: "x"}, {}}}, `message "hi" from a@b, 1.00 kB, 1 attachment`},
		{&events.MailMessage{EnvelopeFrom: "a@b", Bytes: 10, Missing: 5}, "message from a@b, 10 B, 5 B never captured"},
		{&events.MailMessage{Section: "TOP 3", Bytes: 10}, "message (TOP 3), 10 B"},
		{&events.FTPCommand{Verb: "PASV"}, "PASV"},
		{&events.POP3Command{Verb: "RETR", Args: "1"}, "RETR 1"},
		{&events.POP3Command{Args: "<redacted>"}, "auth step <redacted>"},
		{&events.POP3Reply{OK: true, Text: "2 messages", Lines: []string{"1 1", "2 2"}, Verb: "LIST", CommandFrame: 9}, "+OK 2 messages (2 lines) (to LIST, frame 9)"},
		{&events.POP3Reply{Text: "no"}, "-ERR no"},
		{&events.POP3Reply{Continue: true}, "+"},
		{&events.IMAPCommand{Tag: "a1", Verb: "UID FETCH", Args: "1 BODY[]"}, "a1 UID FETCH 1 BODY[]"},
		{&events.IMAPCommand{Verb: "DONE"}, "DONE"},
		{&events.IMAPResponse{Tag: "*", Name: "FETCH", Number: new(uint32), Text: "(BODY[] {1000})", Literals: []int64{1000}}, "* 0 FETCH (BODY[] {1000}) (1 literal, 1.00 kB)"},
		{&events.IMAPResponse{Tag: "a1", Status: "OK", Text: "done", Verb: "NOOP", CommandFrame: 3}, "a1 OK done (to NOOP, frame 3)"},
		{&events.FTPReply{Code: 220, Lines: []string{"hello"}}, "220 hello"},
		{&events.FTPReply{Code: 211, Lines: []string{"Features", " MDTM", "End"}, Verb: "FEAT", CommandFrame: 9}, "211 Features (+2 lines) (to FEAT, frame 9)"},
		{&events.FTPData{Mode: "passive", Verb: "RETR", Path: "a", ControlStream: 3, Bytes: 1000, Complete: true, Restart: 5}, "RETR a, 1.00 kB, passive, control tcp:3, from byte 5"},
		{&events.FTPData{Mode: "active", Bytes: 10, Reply: 426, Protected: true}, "data, 10 B, active, control tcp:0, TLS, incomplete, reply 426"},
		{&events.WebSocketFrame{Opcode: "text", Fin: true, Length: 10, Compressed: true, Complete: true}, "text 10 B, compressed"},
		{&events.WebSocketFrame{Opcode: "close", Length: 5, CloseCode: 1000, Reason: "bye"}, "close 5 B, code 1000 bye, more follows, incomplete"},

		{&events.TLSClientHello{Version: "1.3", SNI: "a.example", ALPN: []string{"h2", "http/1.1"}, Resumes: true, JA4: "t13d"},
			"client hello TLS 1.3 a.example, alpn h2 http/1.1, offers to resume, ja4 t13d"},
		{&events.TLSServerHello{Version: "1.2", CipherSuite: "TLS_X", ALPN: "h2", Resumed: true, RequestFrame: 4}, "server hello TLS 1.2, TLS_X, alpn h2, resumed (to frame 4)"},
		{&events.TLSServerHello{Version: "1.3", CipherSuite: "TLS_X", Group: "x25519", Retry: true}, "hello retry request TLS 1.3, TLS_X, x25519"},
		{&events.TLSCertificate{Subject: "CN=a", Issuer: "CN=b", KeyType: "RSA 2048", NotAfter: "2026-01-02T03:04:05Z"}, "certificate 0 CN=a, by CN=b, RSA 2048, until 2026-01-02"},
		{&events.TLSAlert{Level: "fatal", Description: "handshake_failure"}, "alert fatal handshake_failure"},
		{&events.TLSAlert{Encrypted: true}, "alert, encrypted"},
		{&events.TLSHandshake{Done: true, RoundTrips: 1, Version: "1.3", Resumed: true, Duration: 12.3e6}, "handshake done, TLS 1.3, 1 round trip, resumed, 12.3 ms"},
		{&events.TLSHandshake{RoundTrips: 2, Version: "ssl 3.0"}, "handshake not done, SSL 3.0, 2 round trips, 0 s"},

		{&events.FlowStart{}, "start"},
		{&events.FlowStart{Midway: true}, "start, joined midway"},
		{&events.FlowEnd{Why: events.EndFIN, ClientPackets: 1, ClientBytes: 10, ServerPackets: 2000, ServerBytes: 4e6, Protocol: "http1", Duration: 34e6},
			"end by fin, http1, client 1 packet 10 B, server 2,000 packets 4.00 MB, 34.0 ms"},
		{&events.FlowDetected{Protocol: "tls", By: "content", Encrypted: true, Roles: "guessed"}, "detected tls by content, encrypted, roles guessed"},
		{&events.HTTP2Frame{Type: "HEADERS", Flags: []string{"END_STREAM", "END_HEADERS"}, HTTPStream: 3, Length: 40, Undecodable: true}, "HEADERS END_STREAM+END_HEADERS stream 3, 40 B, header block cannot be decoded"},
		{&events.HTTP2Frame{Type: "SETTINGS", Length: 6, Settings: []events.HTTP2Setting{{Name: "ENABLE_PUSH", Value: 0}}}, "SETTINGS, 6 B, ENABLE_PUSH=0"},
		{&events.HTTP2Frame{Type: "RST_STREAM", HTTPStream: 1, Length: 4, ErrorCode: "CANCEL"}, "RST_STREAM stream 1, 4 B, CANCEL"},
		{&events.GRPCMessage{Of: "request", Length: 13, Complete: true}, "grpc message of request 13 B"},
		{&events.DHTMessage{Type: "query", Query: "get_peers", InfoHash: "0102"}, "get_peers, info hash 0102"},
		{&events.DHTMessage{Type: "response", Nodes: make([]string, 8), Values: make([]string, 1), RequestFrame: 4}, "response, 8 nodes, 1 peer (to frame 4)"},
		{&events.DHTMessage{Type: "error", Code: 203, Message: "bad token"}, "error, 203 bad token"},
		{&events.UTPSegment{Type: "data", ConnectionID: 101, Seq: 2, Ack: 499, Bytes: 1400, Why: "out_of_order"}, "data 101 seq 2 ack 499, 1.40 kB, out of order"},
		{&events.BitTorrentLSD{InfoHashes: []string{"0102"}, Port: 6881}, "looks for peers of 0102, port 6881"},
		{&events.FlowGap{Reason: "acked", Packets: 3}, "gap: 3 packets never captured (acked)"},
		{&events.FlowViolation{Protocol: "dns", Reason: "name too long"}, "violation: name too long"},
		{&events.FlowGap{Reason: "acked", Bytes: 1460}, "gap: 1.46 kB never captured (acked)"},
		{&events.FlowLimit{Limit: "flows", Value: 10, Reason: "oldest given up"}, "limit flows=10 reached: oldest given up"},
		{&events.TCPSegment{Mark: events.KindTCPRetransmission, Why: "fast", Seq: 100, Bytes: 1460}, "retransmission (fast) seq 100, 1.46 kB"},
		{&events.TCPSegment{Mark: events.KindTCPDuplicateACK, Number: 2, Ack: 77}, "duplicate ack 2 of 77"},
		{&events.TCPSegment{Mark: events.KindTCPZeroWindow, Why: "probe_ack", Seq: 1}, "zero window (probe ack) seq 1"},
		{&events.TCPRTT{Of: events.RTTSynAck, RTT: 12.3e6, SegmentFrame: 1}, "rtt 12.3 ms (syn_ack of frame 1)"},
		{&events.TCPHOL{Bytes: 100, Wait: 5e6, HoleBytes: 20}, "100 B waited 5.00 ms behind a hole of 20 B, never filled"},
	}
	for _, tt := range tests {
		if got := summary(tt.body); got != tt.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

// Every kind has a summary, even of a zero body.
func TestSummaryOfEveryKind(t *testing.T) {
	for _, b := range events.Bodies() {
		if end, ok := b.Body.(*events.FlowEnd); ok {
			end.Why = events.EndFIN
		}
		if summary(b.Body) == "" {
			t.Errorf("%s has no summary", b.Kind)
		}
	}
}

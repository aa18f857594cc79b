package events

// Kind is a number for the stable name of a body ("dns.message"). The names
// are the contract of EVENTS; the numbers may change from build to build.
type Kind uint8

// Every kind. A new protocol adds its own here and its structs in a file of
// its own.
const (
	KindFlowStart Kind = iota + 1
	KindFlowEnd
	KindFlowDetected
	KindFlowViolation
	KindFlowGap
	KindFlowDropped
	KindFlowLimit
	KindFlowBytes
	KindTCPRetransmission
	KindTCPOutOfOrder
	KindTCPLost
	KindTCPDuplicateACK
	KindTCPZeroWindow
	KindTCPKeepAlive
	KindTCPRTT
	KindTCPHOL
	KindDNSMessage
	KindHTTPRequest
	KindHTTPResponse
	KindHTTPBody
	KindHTTP2Frame
	KindGRPCMessage
	KindWebSocketFrame
	KindSMTPCommand
	KindSMTPReply
	KindPOP3Command
	KindPOP3Reply
	KindIMAPCommand
	KindIMAPResponse
	KindFTPCommand
	KindFTPReply
	KindFTPData
	KindMailMessage
	KindBitTorrentHandshake
	KindBitTorrentMessage
	KindTrackerRequest
	KindTrackerResponse
	KindBitTorrentLSD
	KindDHTMessage
	KindUTPSegment
	KindTLSClientHello
	KindTLSServerHello
	KindTLSCertificate
	KindTLSAlert
	KindTLSHandshake
	KindQUICPacket
	kindPublicEnd

	// What follows carries what was carried, and is never printed: for
	// --extract, and for questions that read documents.
	KindContentPart Kind = iota
	KindContentEnd
	KindBitTorrentEnd
	KindHTTPDocument
	kindEnd
)

var kindNames = [kindEnd]string{
	KindFlowStart:           "flow.start",
	KindFlowEnd:             "flow.end",
	KindFlowDetected:        "flow.detected",
	KindFlowViolation:       "flow.violation",
	KindFlowGap:             "flow.gap",
	KindFlowDropped:         "flow.dropped",
	KindFlowLimit:           "flow.limit",
	KindFlowBytes:           "flow.bytes",
	KindTCPRetransmission:   "tcp.segment.retransmission",
	KindTCPOutOfOrder:       "tcp.segment.out_of_order",
	KindTCPLost:             "tcp.segment.lost",
	KindTCPDuplicateACK:     "tcp.segment.duplicate_ack",
	KindTCPZeroWindow:       "tcp.segment.zero_window",
	KindTCPKeepAlive:        "tcp.segment.keep_alive",
	KindTCPRTT:              "tcp.rtt",
	KindTCPHOL:              "tcp.hol",
	KindDNSMessage:          "dns.message",
	KindHTTPRequest:         "http.request",
	KindHTTPResponse:        "http.response",
	KindHTTPBody:            "http.body",
	KindHTTP2Frame:          "http2.frame",
	KindGRPCMessage:         "grpc.message",
	KindWebSocketFrame:      "websocket.frame",
	KindSMTPCommand:         "smtp.command",
	KindSMTPReply:           "smtp.reply",
	KindPOP3Command:         "pop3.command",
	KindPOP3Reply:           "pop3.reply",
	KindIMAPCommand:         "imap.command",
	KindIMAPResponse:        "imap.response",
	KindFTPCommand:          "ftp.command",
	KindFTPReply:            "ftp.reply",
	KindFTPData:             "ftp.data",
	KindMailMessage:         "mail.message",
	KindBitTorrentHandshake: "bittorrent.handshake",
	KindBitTorrentMessage:   "bittorrent.message",
	KindTrackerRequest:      "bittorrent.tracker.request",
	KindTrackerResponse:     "bittorrent.tracker.response",
	KindBitTorrentLSD:       "bittorrent.lsd",
	KindDHTMessage:          "dht.message",
	KindUTPSegment:          "utp.segment",
	KindTLSClientHello:      "tls.client_hello",
	KindTLSServerHello:      "tls.server_hello",
	KindTLSCertificate:      "tls.certificate",
	KindTLSAlert:            "tls.alert",
	KindTLSHandshake:        "tls.handshake",
	KindQUICPacket:          "quic.packet",
	KindContentPart:         "content.part",
	KindContentEnd:          "content.end",
	KindBitTorrentEnd:       "bittorrent.end",
	KindHTTPDocument:        "http.document",
}

func (k Kind) String() string { return kindNames[k] }

// Kinds lists every kind that may be printed, in order.
func Kinds() []Kind {
	ks := make([]Kind, 0, kindPublicEnd)
	for k := Kind(1); k < kindPublicEnd; k++ {
		ks = append(ks, k)
	}
	return ks
}

// KindSet is a set of kinds.
type KindSet [4]uint64

// SetOf is the set of ks.
func SetOf(ks ...Kind) (s KindSet) {
	for _, k := range ks {
		s[k>>6] |= 1 << (k & 63)
	}
	return s
}

// Has reports whether k is in the set.
func (s *KindSet) Has(k Kind) bool { return s[k>>6]&(1<<(k&63)) != 0 }

// Or is the union of both sets.
func (s KindSet) Or(t KindSet) KindSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

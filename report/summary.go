package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// maxSummary is how much of a body without a summary of its own is shown, in
// columns.
const maxSummary = 160

// summary says in one short line what a body says. The result may hold text
// from the wire as it came: see clean.
func summary(b events.Body) string {
	switch b := b.(type) {
	case *events.DNSMessage:
		return dnsSummary(b)
	case *events.HTTPRequest:
		return requestSummary(b)
	case *events.HTTPResponse:
		return responseSummary(b)
	case *events.HTTPBody:
		return bodySummary(b)
	case *events.TLSClientHello:
		return tlsClientHelloSummary(b)
	case *events.TLSServerHello:
		return tlsServerHelloSummary(b)
	case *events.TLSCertificate:
		return tlsCertificateSummary(b)
	case *events.TLSAlert:
		return tlsAlertSummary(b)
	case *events.TLSHandshake:
		return tlsHandshakeSummary(b)
	case *events.QUICPacket:
		return quicSummary(b)
	case *events.FTPCommand:
		return ftpCommandSummary(b)
	case *events.FTPReply:
		return ftpReplySummary(b)
	case *events.FTPData:
		return ftpDataSummary(b)
	case *events.WebSocketFrame:
		return webSocketSummary(b)
	case *events.BitTorrentHandshake:
		return peerHandshakeSummary(b)
	case *events.BitTorrentMessage:
		return peerMessageSummary(b)
	case *events.TrackerRequest:
		return trackerRequestSummary(b)
	case *events.TrackerResponse:
		return trackerResponseSummary(b)
	case *events.HTTP2Frame:
		return frameSummary(b)
	case *events.GRPCMessage:
		return grpcSummary(b)
	case *events.POP3Command:
		return pop3CommandSummary(b)
	case *events.POP3Reply:
		return pop3ReplySummary(b)
	case *events.IMAPCommand:
		return imapCommandSummary(b)
	case *events.IMAPResponse:
		return imapResponseSummary(b)
	case *events.DHTMessage:
		return dhtSummary(b)
	case *events.UTPSegment:
		return utpSummary(b)
	case *events.BitTorrentLSD:
		return lsdSummary(b)
	case *events.SMTPCommand:
		return smtpCommandSummary(b)
	case *events.SMTPReply:
		return smtpReplySummary(b)
	case *events.MailMessage:
		return mailSummary(b)
	case *events.FlowStart:
		if b.Midway {
			return "start, joined midway"
		}
		return "start"
	case *events.FlowEnd:
		return join("end by "+b.Why.String(), b.Protocol,
			sent("client", b.ClientPackets, b.ClientBytes), sent("server", b.ServerPackets, b.ServerBytes),
			analyzers.DurationText(b.Duration))
	case *events.FlowDetected:
		s := b.Protocol + " by " + b.By
		if b.Encrypted {
			s += ", encrypted"
		}
		if b.Roles != "" {
			s += ", roles " + b.Roles
		}
		return "detected " + s
	case *events.FlowViolation:
		return "violation: " + b.Reason
	case *events.FlowGap:
		return gapSummary(b)
	case *events.FlowDropped:
		return count(uint64(b.Packets), "packet") + " lost by the capture"
	case *events.FlowLimit:
		s := "limit " + b.Limit + "=" + strconv.FormatInt(b.Value, 10) + " reached: " + b.Reason
		if b.Bytes > 0 {
			s += ", " + analyzers.BytesText(b.Bytes)
		}
		return s
	case *events.FlowBytes:
		return join("one second", sent("client", uint64(b.ClientPackets), b.ClientBytes), sent("server", uint64(b.ServerPackets), b.ServerBytes))
	case *events.TCPSegment:
		return segmentSummary(b)
	case *events.TCPRTT:
		return "rtt " + analyzers.DurationText(b.RTT) + " (" + b.Of.String() + " of frame " + strconv.FormatUint(b.SegmentFrame, 10) + ")"
	case *events.TCPHOL:
		s := analyzers.BytesText(b.Bytes) + " waited " + analyzers.DurationText(b.Wait) + " behind a hole of " + analyzers.BytesText(b.HoleBytes)
		if !b.Filled {
			s += ", never filled"
		}
		return s
	}
	return truncate(string(events.AppendJSON(nil, b)), maxSummary)
}

// join sets the parts that are there apart with commas.
func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}

func sent(who string, packets, bytes uint64) string {
	return who + " " + count(packets, "packet") + " " + analyzers.BytesText(int64(bytes))
}

// count is "1 packet" or "1,234 packets".
func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return analyzers.CountText(int64(n)) + " " + what + "s"
}

func dnsSummary(m *events.DNSMessage) string {
	var b strings.Builder
	opcode := ""
	if m.Opcode != "QUERY" {
		opcode = " " + m.Opcode
	}
	more := 0
	switch {
	case !m.Response:
		if opcode == "" {
			b.WriteString("query")
		} else {
			b.WriteString(opcode[1:])
		}
		if len(m.Question) > 0 {
			q := &m.Question[0]
			b.WriteString(" " + q.Type + " " + q.Name)
			more = len(m.Question) - 1
		} else if len(m.Answer) > 0 {
			b.WriteString(" without a question")
		}
	case len(m.Answer) > 0:
		r := &m.Answer[0]
		b.WriteString("answer" + opcode + " " + m.Rcode + " " + r.Name + " " + r.Type + " " + r.Data)
		more = len(m.Answer) - 1
	default:
		b.WriteString("answer" + opcode + " " + m.Rcode)
		if len(m.Question) > 0 {
			b.WriteString(" " + m.Question[0].Name + " " + m.Question[0].Type)
		}
		if len(m.Authority) > 0 && m.Authority[0].Type == "NS" {
			b.WriteString(" → " + m.Authority[0].Name + " NS " + m.Authority[0].Data)
			more = len(m.Authority) - 1
		}
	}
	if more > 0 {
		b.WriteString(" (+" + strconv.Itoa(more) + ")")
	}
	if m.TC {
		b.WriteString(" truncated")
	}
	if !m.Response || m.ID != 0 { // mDNS answers have no id (RFC 6762 section 18.1)
		id := strconv.FormatUint(uint64(m.ID), 16)
		b.WriteString(" (id 0x" + "0000"[len(id):] + id + ")")
	}
	return b.String()
}

func requestSummary(r *events.HTTPRequest) string {
	target := r.Target
	if strings.HasPrefix(target, "/") && r.Host != "" {
		scheme := r.Scheme
		if scheme == "" {
			scheme = "http"
		}
		target = scheme + "://" + r.Host + target
	}
	return r.Method + " " + target + " HTTP/" + r.Version
}

func responseSummary(r *events.HTTPResponse) string {
	s := strconv.Itoa(r.Status)
	if r.Reason != "" {
		s += " " + r.Reason
	}
	if t := events.Get(r.Headers, "Content-Type"); t != "" {
		t, _, _ = strings.Cut(t, ";")
		s += " " + strings.TrimSpace(t)
	}
	if l := events.Get(r.Headers, "Location"); l != "" && r.Status/100 == 3 {
		s += " → " + l
	}
	if r.RequestFrame != 0 {
		s += " (to frame " + strconv.FormatUint(r.RequestFrame, 10) + ")"
	}
	return s
}

func bodySummary(b *events.HTTPBody) string {
	s := "body of " + b.Of + " " + analyzers.BytesText(b.Bytes)
	if b.ContentEncoding != "" {
		s += " " + b.ContentEncoding
		if b.DecodedBytes > 0 {
			s += " of " + analyzers.BytesText(b.DecodedBytes)
		}
	}
	switch {
	case b.Missing > 0:
		s += ", " + analyzers.BytesText(b.Missing) + " never captured"
	case !b.Complete:
		s += ", incomplete"
	}
	if b.SHA256 != "" {
		s += ", sha256 " + b.SHA256
	}
	return s
}

func segmentSummary(t *events.TCPSegment) string {
	name := strings.TrimPrefix(t.Mark.String(), "tcp.segment.")
	s := strings.ReplaceAll(name, "_", " ")
	if t.Why != "" {
		s += " (" + strings.ReplaceAll(t.Why, "_", " ") + ")"
	}
	if t.Mark == events.KindTCPDuplicateACK {
		return s + " " + strconv.FormatUint(uint64(t.Number), 10) + " of " + strconv.FormatUint(uint64(t.Ack), 10)
	}
	s += " seq " + strconv.FormatUint(uint64(t.Seq), 10)
	if t.Bytes > 0 {
		s += ", " + analyzers.BytesText(t.Bytes)
	}
	return s
}

package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func tlsClientHelloSummary(h *events.TLSClientHello) string {
	s := "client hello " + tlsName(h.Version)
	if h.SNI != "" {
		s += " " + h.SNI
	}
	alpn := ""
	if len(h.ALPN) > 0 {
		alpn = "alpn " + strings.Join(h.ALPN, " ")
	}
	return join(s, alpn, when(h.Resumes, "offers to resume"), when(h.EarlyData, "early data"), when(h.ECH, "ech"), when(h.JA4 != "", "ja4 "+h.JA4))
}

func tlsServerHelloSummary(h *events.TLSServerHello) string {
	s := "server hello "
	if h.Retry {
		s = "hello retry request "
	}
	to := when(h.RequestFrame != 0, " (to frame "+strconv.FormatUint(h.RequestFrame, 10)+")")
	return join(s+tlsName(h.Version), h.CipherSuite, h.Group, when(h.ALPN != "", "alpn "+h.ALPN), when(h.Resumed, "resumed")) + to
}

func tlsCertificateSummary(c *events.TLSCertificate) string {
	s := "certificate " + strconv.Itoa(c.Index)
	if c.Subject != "" {
		s += " " + c.Subject
	}
	until, _, _ := strings.Cut(c.NotAfter, "T")
	return join(s, when(c.Issuer != "", "by "+c.Issuer), c.KeyType, when(until != "", "until "+until))
}

func tlsAlertSummary(a *events.TLSAlert) string {
	if a.Encrypted {
		return "alert, encrypted"
	}
	return "alert " + a.Level + " " + a.Description
}

func tlsHandshakeSummary(h *events.TLSHandshake) string {
	s := "handshake not done"
	if h.Done {
		s = "handshake done"
	}
	trips := strconv.Itoa(h.RoundTrips) + " round trips"
	if h.RoundTrips == 1 {
		trips = "1 round trip"
	}
	return join(s, when(h.Version != "", tlsName(h.Version)), trips, when(h.Resumed, "resumed"), when(h.EarlyData, "early data"), analyzers.DurationText(h.Duration))
}

// tlsName is "TLS 1.3" or "SSL 3.0".
func tlsName(version string) string {
	if v, ok := strings.CutPrefix(version, "ssl "); ok {
		return "SSL " + v
	}
	return "TLS " + version
}

func when(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

// Package sites says to which site a host name belongs: the name that somebody
// registered, by the public suffix list (https://publicsuffix.org). Questions
// about who belongs to whom share it. It must not look into any protocol.
package sites

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Of is the site of a host: the registrable domain of a name (its public
// suffix and one label more: "www.shop.co.uk" is of "shop.co.uk"). An address,
// a name of one label and a public suffix itself are their own site. A port is
// left away; letters become small. Of "" it is "".
func Of(host string) string {
	host = strings.ToLower(strings.TrimSuffix(Name(host), "."))
	if host == "" {
		return ""
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return host
	}
	d, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return d
}

// Name is an authority without its port.
func Name(authority string) string {
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && strings.IndexByte(authority[i:], ']') < 0 {
		return authority[:i]
	}
	return authority
}

// IsSuffix reports whether a domain is a public suffix: cookies for it would be
// for all who registered below (RFC 6265 section 5.3, step 5).
func IsSuffix(domain string) bool {
	s, icann := publicsuffix.PublicSuffix(domain)
	return s == domain && (icann || strings.IndexByte(s, '.') >= 0)
}

package ftp

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// place is where a data connection goes.
type place struct {
	host string // "" where none is named
	port uint16
	ok   bool
}

// activeAddress reads the argument of PORT (RFC 959 section 4.1.2), EPRT (RFC
// 2428 section 2) or LPRT (RFC 1639).
func activeAddress(verb, args string) (host string, port uint16, ok bool) {
	var p place
	switch verb {
	case "PORT":
		p = sixNumbers(args)
	case "EPRT":
		p = delimited(args)
	default:
		p = longAddress(args)
	}
	return p.host, p.port, p.ok
}

// passiveAddress reads what 227 (PASV), 228 (LPSV) or 229 (EPSV) says.
func passiveAddress(code int, lines []string) place {
	for _, l := range lines {
		var p place
		switch code {
		case 227:
			p = sixNumbers(l)
		case 228:
			p = longAddress(l)
		default:
			p = extendedPassive(l)
		}
		if p.ok {
			return p
		}
	}
	return place{}
}

// sixNumbers finds h1,h2,h3,h4,p1,p2 anywhere: with parentheses or without
// (RFC 1123 section 4.1.2.6).
func sixNumbers(s string) place {
	for i := 0; i < len(s); i++ {
		if !digit(s[i]) || i > 0 && (digit(s[i-1]) || s[i-1] == ',') {
			continue
		}
		if n, ok := numbers(s[i:], 6); ok {
			host := netip.AddrFrom4([4]byte(n[:4])).String()
			return place{host, uint16(n[4])<<8 | uint16(n[5]), true}
		}
	}
	return place{}
}

// longAddress is af,hal,h1,…,pal,p1,… (RFC 1639).
func longAddress(s string) place {
	for i := 0; i < len(s); i++ {
		if !digit(s[i]) || i > 0 && (digit(s[i-1]) || s[i-1] == ',') {
			continue
		}
		head, ok := numbers(s[i:], 2)
		if !ok || head[1] != 4 && head[1] != 16 {
			continue
		}
		all, ok := numbers(s[i:], 2+int(head[1])+3)
		if !ok || all[2+head[1]] != 2 {
			continue
		}
		host, _ := netip.AddrFromSlice(all[2 : 2+head[1]])
		p := all[3+head[1]:]
		return place{host.String(), uint16(p[0])<<8 | uint16(p[1]), true}
	}
	return place{}
}

// numbers reads n numbers below 256 with commas between; blanks around them
// do no harm.
func numbers(s string, n int) ([]byte, bool) {
	out := make([]byte, 0, 24)
	for len(out) < n {
		if len(out) > 0 {
			s = strings.TrimLeft(s, " ")
			if !strings.HasPrefix(s, ",") {
				return nil, false
			}
			s = strings.TrimLeft(s[1:], " ")
		}
		i := 0
		for i < len(s) && digit(s[i]) {
			i++
		}
		v, err := strconv.ParseUint(s[:i], 10, 8)
		if err != nil {
			return nil, false
		}
		out = append(out, byte(v))
		s = s[i:]
	}
	return out, true
}

// delimited is |af|host|port|, where "|" may be any character (RFC 2428
// section 2). The last one may be missing.
func delimited(s string) place {
	s = strings.TrimSpace(s)
	if len(s) < 3 {
		return place{}
	}
	parts := strings.SplitN(s[1:], s[:1], 4)
	if len(parts) < 3 {
		return place{}
	}
	port, ok := portNumber(parts[2])
	if !ok {
		return place{}
	}
	host := parts[1]
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.WithZone("").Unmap().String()
	}
	return place{host, port, true}
}

// extendedPassive is (|||port|) (RFC 2428 section 3). Servers leave out the
// delimiters, or the parentheses: then the last number is the port.
func extendedPassive(s string) place {
	if i := strings.IndexByte(s, '('); i >= 0 {
		inner, _, _ := strings.Cut(s[i+1:], ")")
		if p := delimited(inner); p.ok {
			return p
		}
	}
	end := len(s)
	for end > 0 && !digit(s[end-1]) {
		end--
	}
	start := end
	for start > 0 && digit(s[start-1]) {
		start--
	}
	if port, ok := portNumber(s[start:end]); ok {
		return place{port: port, ok: true}
	}
	return place{}
}

func portNumber(s string) (uint16, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	return uint16(n), err == nil
}

// sameHost reports whether a host as written is a.
func sameHost(host string, a events.Addr) bool {
	h, err := netip.ParseAddr(host)
	return err == nil && h.Unmap() == a.IP()
}

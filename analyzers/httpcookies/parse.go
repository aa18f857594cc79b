package httpcookies

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
)

// mark is a cookie's value: the first four bytes of its SHA-256, which is what
// events have in its place.
type mark uint32

const redacted = "<redacted:"

// markOf reads a value, in clear or redacted.
func markOf(v string) mark {
	v = strings.Trim(v, " \t")
	if hex, ok := strings.CutPrefix(v, redacted); ok && len(hex) == 9 && hex[8] == '>' {
		if n, err := strconv.ParseUint(hex[:8], 16, 32); err == nil {
			return mark(n)
		}
	}
	if v == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(v))
	return mark(binary.BigEndian.Uint32(sum[:]))
}

func (m mark) String() string {
	if m == 0 {
		return ""
	}
	b := append(make([]byte, 0, len(redacted)+9), redacted...)
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[m>>shift&15])
	}
	return string(append(b, '>'))
}

// each calls do for every cookie of a Cookie field (RFC 6265 section 5.4).
func each(field string, do func(name string, value mark)) {
	for field != "" {
		var pair string
		pair, field, _ = strings.Cut(field, ";")
		if pair = strings.Trim(pair, " \t"); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			name, value = "", pair
		}
		do(strings.TrimRight(name, " \t"), markOf(value))
	}
}

// set is a Set-Cookie field (section 5.2).
type set struct {
	name     string
	value    mark
	domain   string // attribute, without a leading dot; "": none
	path     string
	secure   bool
	httpOnly bool
	sameSite string
	lifetime events.Duration
	lasts    bool // it has a lifetime
}

// parseSet reads a Set-Cookie field that came at now.
func parseSet(field string, now events.Time) set {
	pair, attributes, _ := strings.Cut(field, ";")
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		name, value = "", pair
	}
	s := set{name: strings.Trim(name, " \t"), value: markOf(value)}
	age := false
	for attributes != "" {
		var a string
		a, attributes, _ = strings.Cut(attributes, ";")
		key, v, _ := strings.Cut(a, "=")
		v = strings.Trim(v, " \t")
		switch strings.ToLower(strings.Trim(key, " \t")) {
		case "domain":
			s.domain = strings.ToLower(strings.TrimPrefix(v, "."))
		case "path":
			s.path = v
		case "secure":
			s.secure = true
		case "httponly":
			s.httpOnly = true
		case "samesite":
			s.sameSite = strings.ToLower(v)
		case "max-age":
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				age, s.lasts = true, true
				s.lifetime = events.Duration(max(min(n, 1<<31), 0)) * second
			}
		case "expires":
			// Max-Age goes before (section 5.3, step 3).
			if t, ok := date(v); ok && !age {
				s.lasts = true
				s.lifetime = events.Duration(max(min(t-int64(now/events.Time(second)), 1<<31), 0)) * second
			}
		}
	}
	return s
}

const second = events.Duration(time.Second)

// date reads the dates that servers put into cookies, which are of more forms
// than those of other fields (section 5.1.1); seconds since 1970.
func date(v string) (int64, bool) {
	v = strings.ReplaceAll(v, "-", " ")
	if _, rest, ok := strings.Cut(v, ","); ok {
		v = rest
	}
	v = strings.TrimSpace(v)
	for _, layout := range [...]string{"02 Jan 2006 15:04:05 MST", "02 Jan 06 15:04:05 MST", "2 Jan 2006 15:04:05 MST", time.ANSIC, "Jan 2 15:04:05 2006"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.Unix(), true
		}
	}
	return 0, false
}

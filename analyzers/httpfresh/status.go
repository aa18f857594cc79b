package httpfresh

import (
	"errors"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// CacheStatus is what one cache says of how it handled a request: a member of
// the field Cache-Status (RFC 9211 section 2).
type CacheStatus struct {
	Cache     string // that speaks
	Hit       bool
	Forward   string // why it went on towards the origin; "" where it did not
	Status    int    // of the response to that; 0: not told
	TTL       int64  // seconds of freshness left, may be negative; 0 where not told
	Stored    bool
	Collapsed bool // it waited for another request's answer
}

// ReadCacheStatus reads all lines of Cache-Status, as one list. The first
// member is of the cache closest to the origin, the last of the one closest to
// the user. A field that is no list of items is an error, and says nothing
// (RFC 8941 section 4.2).
func ReadCacheStatus(hs []events.Header) ([]CacheStatus, error) {
	var out []CacheStatus
	for i := range hs {
		if name := hs[i][0]; len(name) != len("Cache-Status") || !equal(name, "cache-status") {
			continue
		}
		p := parser{s: hs[i][1]}
		p.space()
		for p.s != "" {
			c, err := p.member()
			if err != nil {
				return nil, err
			}
			out = append(out, c)
			p.space()
			if p.s == "" {
				break
			}
			if p.s[0] != ',' {
				return nil, errList
			}
			p.s = p.s[1:]
			if p.space(); p.s == "" {
				return nil, errList // a comma and nothing behind it
			}
		}
	}
	return out, nil
}

var errList = errors.New("httpfresh: Cache-Status: no list of items (RFC 8941)")

// parser reads structured fields (RFC 8941 section 4.2): lists of items with
// parameters, which is all that Cache-Status is made of.
type parser struct{ s string }

// kind is the type of a bare item.
type kind uint8

const (
	number kind = iota + 1
	text
	token
	binary
	boolean
)

// item is a bare item. Of a boolean, n is 1 for true.
type item struct {
	kind kind
	n    int64
	s    string
}

func (p *parser) space() { p.s = strings.TrimLeft(p.s, " \t") }

func (p *parser) member() (c CacheStatus, err error) {
	v, err := p.bare()
	if err != nil {
		return c, err
	}
	if v.kind != text && v.kind != token {
		return c, errList
	}
	c.Cache = v.s
	for {
		p.s = strings.TrimLeft(p.s, " ")
		if !strings.HasPrefix(p.s, ";") {
			return c, nil
		}
		p.s = strings.TrimLeft(p.s[1:], " ")
		n := 0
		for n < len(p.s) && keyByte(p.s[n], n == 0) {
			n++
		}
		if n == 0 {
			return c, errList
		}
		key := p.s[:n]
		p.s = p.s[n:]
		v := item{kind: boolean, n: 1}
		if strings.HasPrefix(p.s, "=") {
			p.s = p.s[1:]
			if v, err = p.bare(); err != nil {
				return c, err
			}
		}
		c.set(key, v)
	}
}

// set takes a parameter; one of another type than it should have says nothing.
func (c *CacheStatus) set(key string, v item) {
	switch {
	case key == "hit" && v.kind == boolean:
		c.Hit = v.n == 1
	case key == "fwd" && v.kind == token:
		c.Forward = v.s
	case key == "fwd-status" && v.kind == number:
		c.Status = int(v.n)
	case key == "ttl" && v.kind == number:
		c.TTL = v.n
	case key == "stored" && v.kind == boolean:
		c.Stored = v.n == 1
	case key == "collapsed" && v.kind == boolean:
		c.Collapsed = v.n == 1
	}
}

func keyByte(b byte, first bool) bool {
	switch {
	case 'a' <= b && b <= 'z', b == '*':
		return true
	case '0' <= b && b <= '9', b == '_', b == '-', b == '.':
		return !first
	}
	return false
}

// bare reads a bare item (section 4.2.3.1).
func (p *parser) bare() (item, error) {
	if p.s == "" {
		return item{}, errList
	}
	switch b := p.s[0]; {
	case b == '"':
		return p.text()
	case b == ':':
		end := strings.IndexByte(p.s[1:], ':')
		if end < 0 {
			return item{}, errList
		}
		v := item{kind: binary, s: p.s[1 : end+1]}
		p.s = p.s[end+2:]
		return v, nil
	case b == '?':
		if len(p.s) < 2 || p.s[1] != '0' && p.s[1] != '1' {
			return item{}, errList
		}
		v := item{kind: boolean, n: int64(p.s[1] - '0')}
		p.s = p.s[2:]
		return v, nil
	case b == '-' || '0' <= b && b <= '9':
		return p.number()
	case b == '*' || 'a' <= b|0x20 && b|0x20 <= 'z':
		n := 1
		for n < len(p.s) && tokenByte(p.s[n]) {
			n++
		}
		v := item{kind: token, s: p.s[:n]}
		p.s = p.s[n:]
		return v, nil
	}
	return item{}, errList
}

func tokenByte(b byte) bool {
	return b > ' ' && b < 0x7f && strings.IndexByte(`"(),;<=>?@[\]{}`, b) < 0
}

func (p *parser) number() (item, error) {
	n := 1
	for n < len(p.s) && ('0' <= p.s[n] && p.s[n] <= '9' || p.s[n] == '.') {
		n++
	}
	whole, _, _ := strings.Cut(p.s[:n], ".")
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return item{}, errList
	}
	p.s = p.s[n:]
	return item{kind: number, n: v}, nil
}

func (p *parser) text() (item, error) {
	for i := 1; i < len(p.s); i++ {
		switch b := p.s[i]; {
		case b == '\\':
			i++
		case b == '"':
			v := item{kind: text, s: strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(p.s[1:i])}
			p.s = p.s[i+1:]
			return v, nil
		case b < ' ' || b >= 0x7f:
			return item{}, errList
		}
	}
	return item{}, errList
}

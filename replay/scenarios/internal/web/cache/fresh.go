package cache

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// heuristic is the share of the time since its last change for which a
// response counts as fresh when it does not say (RFC 9111 section 4.2.2).
const heuristic = 10

// cacheable are the status codes that may be kept without being told (RFC 9110
// section 15.1); of partial content this cache knows nothing.
var cacheable = []int{200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}

// forbidden says why a response may not be stored (section 3); "" if it may.
func (s *stored) forbidden(req *http.Request, shared bool) string {
	control := directives(s.header)
	lifetime := s.lifetime(shared)
	validator := s.header.Get("ETag") != "" || s.header.Get("Last-Modified") != ""
	switch {
	case has(directives(req.Header), "no-store"), has(control, "no-store"):
		return "no-store"
	case shared && has(control, "private"):
		return "private"
	case shared && req.Header.Get("Authorization") != "" && !has(control, "public") && !has(control, "s-maxage") && !has(control, "must-revalidate"):
		return "the request was authorized"
	case !slices.Contains(cacheable, s.status) && lifetime == 0:
		return "status " + strconv.Itoa(s.status)
	case slices.Contains(listed(s.header.Values("Vary")), "*"):
		return "Vary: *"
	case lifetime == 0 && !validator:
		return "neither lifetime nor validator"
	}
	return ""
}

// chosenBy reports whether the stored response fits the request (section 4.1).
func (s *stored) chosenBy(req *http.Request) bool {
	for name, v := range s.vary {
		if req.Header.Get(name) != v {
			return false
		}
	}
	return true
}

// lifetime is for how long the response is fresh (section 4.2.1).
func (s *stored) lifetime(shared bool) time.Duration {
	control := directives(s.header)
	if v, ok := control["s-maxage"]; ok && shared {
		return delta(v)
	}
	if v, ok := control["max-age"]; ok {
		return delta(v)
	}
	date, err := http.ParseTime(s.header.Get("Date"))
	if err != nil {
		date = s.received
	}
	if v := s.header.Get("Expires"); v != "" {
		expires, err := http.ParseTime(v)
		if err != nil {
			return 0 // section 5.3: what is no date is in the past
		}
		return max(0, expires.Sub(date))
	}
	if modified, err := http.ParseTime(s.header.Get("Last-Modified")); err == nil && slices.Contains(cacheable, s.status) {
		return max(0, date.Sub(modified)/heuristic)
	}
	return 0
}

// age is how old the response is (section 4.2.3).
func (s *stored) age(now time.Time) time.Duration {
	var apparent, told time.Duration
	if date, err := http.ParseTime(s.header.Get("Date")); err == nil {
		apparent = max(0, s.received.Sub(date))
	}
	if n, err := strconv.Atoi(s.header.Get("Age")); err == nil && n >= 0 {
		told = time.Duration(n) * time.Second
	}
	corrected := told + s.received.Sub(s.requested)
	return max(apparent, corrected) + now.Sub(s.received)
}

// directives reads Cache-Control (section 5.2).
func directives(h http.Header) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			out[name] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return out
}

func has(d map[string]string, name string) bool {
	_, ok := d[name]
	return ok
}

// delta reads delta-seconds (section 1.2.2); what is none is 0.
func delta(v string) time.Duration {
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// listed are the parts of a list of field names, in canonical form.
func listed(values []string) []string {
	var out []string
	for _, part := range strings.Split(strings.Join(values, ","), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, http.CanonicalHeaderKey(part))
		}
	}
	return out
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

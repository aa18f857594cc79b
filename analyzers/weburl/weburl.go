// Package weburl puts URLs of the web in one form, so that what was asked for
// can be found in what named it: pages, style sheets, manifests. It is shared
// by questions, and it must not know what a URL is for.
package weburl

import "strings"

// Of is the URL of a request (RFC 9110 section 7.1), in the one form in
// which URLs are compared: scheme and host in lower case, without a port that
// is the scheme's own, without a fragment (RFC 3986 section 6.2).
func Of(scheme, host, target string) string {
	if strings.Contains(target, "://") {
		if u, ok := Normal(target); ok {
			return u
		}
	}
	if target == "" || target[0] != '/' {
		target = "/" + target
	}
	return scheme + "://" + hostOf(scheme, host) + target
}

func hostOf(scheme, host string) string {
	host = strings.ToLower(host)
	if scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else {
		host = strings.TrimSuffix(host, ":443")
	}
	return host
}

// Normal is an absolute URL of the web in that form; false: it is none.
func Normal(s string) (string, bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return "", false
	}
	switch {
	case strings.EqualFold(scheme, "http"):
		scheme = "http"
	case strings.EqualFold(scheme, "https"):
		scheme = "https"
	default:
		return "", false
	}
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest = rest[:i]
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if host == "" {
		return "", false
	}
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	return scheme + "://" + hostOf(scheme, host) + path, true
}

// Split takes such a URL apart; origin is scheme and host.
func Split(u string) (origin, host, path string) {
	i := strings.Index(u, "://") + 3
	j := strings.IndexByte(u[i:], '/')
	if j < 0 {
		return u, u[i:], "/"
	}
	return u[:i+j], u[i : i+j], u[i+j:]
}

// Name is a host without its port, as DNS knows it; "" for an address.
func Name(host string) string {
	if strings.HasPrefix(host, "[") {
		return ""
	}
	host, _, _ = strings.Cut(host, ":")
	host = strings.TrimSuffix(host, ".")
	if host == "" || host[len(host)-1] >= '0' && host[len(host)-1] <= '9' {
		return ""
	}
	return host
}

// Resolve is reference ref on a page at base, a URL in that form (RFC 3986 section
// 5.2); false: it is not one of the web.
func Resolve(base, ref string) (string, bool) {
	ref = strings.TrimSpace(ref)
	if strings.ContainsAny(ref, "\n\r\t") { // browsers take these out
		ref = strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(ref)
	}
	if i := strings.IndexByte(ref, '#'); i >= 0 {
		ref = ref[:i]
	}
	if ref == "" {
		return "", false
	}
	ref = strings.ReplaceAll(ref, " ", "%20")
	origin, _, path := Split(base)
	switch {
	case strings.HasPrefix(ref, "//"):
		scheme, _, _ := strings.Cut(base, ":")
		return Normal(scheme + ":" + ref)
	case ref[0] == '/':
		return origin + clean(ref), true
	case hasScheme(ref):
		return Normal(ref)
	}
	path, _, _ = strings.Cut(path, "?")
	if ref[0] == '?' {
		return origin + path + ref, true
	}
	return origin + clean(path[:strings.LastIndexByte(path, '/')+1]+ref), true
}

// hasScheme reports whether s begins with a scheme (RFC 3986 section 3.1).
func hasScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return i > 0 && c == ':'
		}
	}
	return false
}

// clean takes the dot segments out of a path (RFC 3986 section 5.2.4).
func clean(path string) string {
	path, query, asked := strings.Cut(path, "?")
	if strings.Contains(path, "/.") {
		var out []string
		parts := strings.Split(path[1:], "/")
		for i, p := range parts {
			last := i == len(parts)-1
			switch p {
			case ".", "..":
				if p == ".." && len(out) > 0 {
					out = out[:len(out)-1]
				}
				if last {
					out = append(out, "")
				}
			default:
				out = append(out, p)
			}
		}
		path = "/" + strings.Join(out, "/")
	}
	if asked {
		path += "?" + query
	}
	return path
}

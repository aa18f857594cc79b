package peer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// errBencode says that bytes are not bencoded (BEP 3).
var errBencode = errors.New("peer: not bencoded")

// maxDepth is how deep lists and dictionaries may nest.
const maxDepth = 8

// Encode writes v in BEP 3's notation: int, int64, string, []byte, []any and
// map[string]any are known; keys come out sorted. Other types are a bug of the
// caller and panic.
func Encode(v any) []byte { return appendValue(nil, v) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		return appendValue(b, int64(v))
	case int64:
		b = strconv.AppendInt(append(b, 'i'), v, 10)
		return append(b, 'e')
	case string:
		b = append(strconv.AppendInt(b, int64(len(v)), 10), ':')
		return append(b, v...)
	case []byte:
		return appendValue(b, string(v))
	case []any:
		b = append(b, 'l')
		for _, x := range v {
			b = appendValue(b, x)
		}
		return append(b, 'e')
	case map[string]any:
		b = append(b, 'd')
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(appendValue(b, k), v[k])
		}
		return append(b, 'e')
	}
	panic(fmt.Sprintf("peer: a %T cannot be bencoded", v))
}

// Decode reads one value that b holds and nothing else: int64, string, []any
// or map[string]any.
func Decode(b []byte) (any, error) {
	v, rest, err := decode(b, 0)
	if err == nil && len(rest) > 0 {
		err = errBencode
	}
	return v, err
}

func decode(b []byte, depth int) (v any, rest []byte, err error) {
	if len(b) == 0 || depth > maxDepth {
		return nil, nil, errBencode
	}
	switch c := b[0]; {
	case c == 'i':
		end := slices.Index(b, 'e')
		if end < 0 {
			return nil, nil, errBencode
		}
		n, err := strconv.ParseInt(string(b[1:end]), 10, 64)
		if err != nil {
			return nil, nil, errBencode
		}
		return n, b[end+1:], nil
	case c >= '0' && c <= '9':
		colon := slices.Index(b, ':')
		if colon < 0 {
			return nil, nil, errBencode
		}
		n, err := strconv.ParseUint(string(b[:colon]), 10, 31)
		if err != nil || uint64(len(b)-colon-1) < n {
			return nil, nil, errBencode
		}
		b = b[colon+1:]
		return string(b[:n]), b[n:], nil
	case c == 'l':
		list := []any{}
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			if v, b, err = decode(b, depth+1); err != nil {
				return nil, nil, err
			}
			list = append(list, v)
		}
		if len(b) == 0 {
			return nil, nil, errBencode
		}
		return list, b[1:], nil
	case c == 'd':
		dict := map[string]any{}
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			var k any
			if k, b, err = decode(b, depth+1); err != nil {
				return nil, nil, err
			}
			key, ok := k.(string)
			if !ok {
				return nil, nil, errBencode
			}
			if dict[key], b, err = decode(b, depth+1); err != nil {
				return nil, nil, err
			}
		}
		if len(b) == 0 {
			return nil, nil, errBencode
		}
		return dict, b[1:], nil
	}
	return nil, nil, errBencode
}

package report

// style is how a terminal shows a piece of text (ECMA-48, SGR).
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	dim    style = "\x1b[2m"
	red    style = "\x1b[31m"
	green  style = "\x1b[32m"
	yellow style = "\x1b[33m"
	cyan   style = "\x1b[36m"
)

const reset = "\x1b[0m"

// painter sets text in a style, or leaves it alone.
type painter bool

func (p painter) append(dst []byte, st style, s string) []byte {
	if !p || st == plain || s == "" {
		return append(dst, s...)
	}
	dst = append(dst, st...)
	dst = append(dst, s...)
	return append(dst, reset...)
}

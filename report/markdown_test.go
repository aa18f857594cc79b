package report

import (
	"strings"
	"testing"
)

func TestMarkdown(t *testing.T) {
	const text = `# rtt
How **far** is it? See [loss](loss.md), *or* ` + "`a*b`" + `, not 2 * 3.

## Fields
| field | meaning |
| --- | --- |
| ` + "`min` `max`" + ` | s; of a \| b and all that is longer than a line |

- one thing that is longer than the line is wide
    x = y
`
	const want = `rtt
How far is it? See loss, or a*b, not 2 *
3.

Fields
  field    meaning
  min max  s; of a | b and all that is
           longer than a line

- one thing that is longer than the line
  is wide
    x = y
`
	var b strings.Builder
	if err := Markdown(&b, text, Options{Width: 40}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	b.Reset()
	if err := Markdown(&b, "a `b` c", Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "a "+string(cyan)+"b"+reset+" c\n"; got != want {
		t.Errorf("coloured: %q, want %q", got, want)
	}
}

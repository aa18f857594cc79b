package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
)

// With questions of several areas each area has its line, and a question
// without a table nothing else.
func TestAreas(t *testing.T) {
	list := sections(1)
	for i, a := range []analyzers.Area{analyzers.DNS, analyzers.Web, analyzers.Transport} {
		list[i].Area = a
		list[i].Brief = list[i].Title + " is well"
	}
	list = append(list, analyzers.Section{Area: analyzers.Web, Title: "Pages", Brief: "2 pages", Lead: "Two pages."})
	var b bytes.Buffer
	if err := Text(&b, theCapture(), &Coverage{}, list, Options{Height: 100}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\n\n")
	got, _, _ = strings.Cut(got, "Not decoded")
	want := `transport       ok       RTT is well
DNS             1 bad    DNS is well
web             1 bad    HTTP is well; 2 pages

Findings
  bad   evil \x1b[2J
        frame 1
  bad   3 queries were never answered
        frames 3, 9   dns.id == 1
  note  just so

DNS  12 of them.
  who              count
  10.0.0.0 → 世界      0

HTTP  12 of them.
  who              count
  10.0.0.0 → 世界      0

RTT  12 of them.
  who              count
  10.0.0.0 → 世界      0

`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := Text(&b, theCapture(), &Coverage{}, list, Options{Full: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Pages  Two pages.") {
		t.Errorf("the full report leaves out a question:\n%s", b.String())
	}
}

package main

import (
	"io"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/docs/analyses"
)

// Every question has a page with the same parts, and stands in the list of the
// pages.
func TestEveryQuestionIsExplained(t *testing.T) {
	list, _ := analyses.Page("README")
	for _, q := range all.Questions() {
		page, ok := analyses.Page(q.Name)
		if !ok {
			t.Errorf("docs/analyses/%s.md is missing", q.Name)
			continue
		}
		if !strings.HasPrefix(page, "# "+q.Name+"\n") {
			t.Errorf("the page of %s does not begin with its name", q.Name)
		}
		for _, part := range []string{"## Definition\n", "## Fields\n", "## Example\n", "## Undecided\n", "## How to read it\n"} {
			if strings.Count(page, part) != 1 {
				t.Errorf("docs/analyses/%s.md: %q is there %d times, want once", q.Name, strings.TrimSpace(part), strings.Count(page, part))
			}
		}
		if !strings.Contains(list, "[`"+q.Name+"`]("+q.Name+".md)") {
			t.Errorf("docs/analyses/README.md does not list %s", q.Name)
		}
	}
}

func TestExplain(t *testing.T) {
	var out strings.Builder
	if code := run([]string{"explain", "dns"}, nil, &out, io.Discard); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	for _, want := range []string{"\ndns.cache\n", "dns.transaction\n", "  field "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("explain dns does not print %q", want)
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "|") && strings.Contains(line, "---") {
			t.Errorf("a line is still Markdown: %s", line)
		}
	}
	if code := run([]string{"explain", "nothing"}, nil, io.Discard, io.Discard); code != exitUsage {
		t.Errorf("a question that is none: exit code %d", code)
	}
}

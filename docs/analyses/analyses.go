// Package analyses holds the pages that define each question, so that the
// program can print them.
package analyses

import "embed"

//go:embed *.md
var pages embed.FS

// Page is the page of a question, in Markdown; ok is false where there is none.
func Page(question string) (text string, ok bool) {
	b, err := pages.ReadFile(question + ".md")
	return string(b), err == nil
}

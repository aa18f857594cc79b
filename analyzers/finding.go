package analyzers

import (
	"cmp"
	"slices"
	"strings"
)

// CompareFindings puts the worst first: severity, weight, then text and
// filter so that the order is total.
func CompareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Weight, a.Weight), strings.Compare(a.Text, b.Text), strings.Compare(a.Filter, b.Filter), slices.Compare(a.Frames, b.Frames))
}

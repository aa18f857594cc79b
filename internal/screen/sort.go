package screen

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// sortedBy is a copy of rows by a column: figures first, greatest first, then
// text by its letters; rows that are equal stay in their order.
func sortedBy(rows [][]string, column int) [][]string {
	type keyed struct {
		row    []string
		figure float64
		is     bool
		text   string
	}
	keys := make([]keyed, len(rows))
	for i, row := range rows {
		keys[i].row = row
		if column < len(row) {
			keys[i].text = row[column]
			keys[i].figure, keys[i].is = figure(row[column])
		}
	}
	slices.SortStableFunc(keys, func(a, b keyed) int {
		switch {
		case a.is && b.is:
			return cmp.Compare(b.figure, a.figure)
		case a.is:
			return -1
		case b.is:
			return 1
		}
		return cmp.Compare(a.text, b.text)
	})
	out := make([][]string, len(keys))
	for i := range keys {
		out[i] = keys[i].row
	}
	return out
}

// units are what analyzers set figures in, by their size; units of one kind
// only stand in one column.
var units = map[string]float64{
	"": 1, "%": 1,
	"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400,
	"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15, "EB": 1e18,
	"b/s": 1, "kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9, "Tb/s": 1e12, "Pb/s": 1e15, "Eb/s": 1e18,
}

// figure reads a cell as analyzers set it: "1,234", "34.1 ms", "3.5 %". What
// has no unit that is known is text, as addresses are.
func figure(cell string) (float64, bool) {
	number, unit, _ := strings.Cut(cell, " ")
	v, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	if err != nil {
		return 0, false
	}
	u, ok := units[unit]
	return v * u, ok
}

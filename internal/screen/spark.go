package screen

import "strings"

// bars are eighths of a character's height.
var bars = [...]string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// spark draws the newest of the values as columns of lines characters' height,
// the greatest as high as that, from top to bottom. What is not zero is seen.
func spark(values []float64, width, lines int) (drawn []string, top float64) {
	values = values[max(len(values)-max(width, 0), 0):]
	for _, v := range values {
		top = max(top, v)
	}
	for l := lines - 1; l >= 0; l-- {
		var b strings.Builder
		for _, v := range values {
			eighths := 0
			if top > 0 && v > 0 {
				eighths = max(int(v/top*float64(8*lines)+0.5), 1)
			}
			b.WriteString(bars[min(max(eighths-8*l, 0), 8)])
		}
		drawn = append(drawn, b.String())
	}
	return drawn, top
}

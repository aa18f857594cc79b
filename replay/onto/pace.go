package onto

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseSpeed reads "2x", "0.5x", "2" (times the capture's own pace) or "max".
func ParseSpeed(s string) (Pace, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	if t == "max" {
		return Pace{Max: true}, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(t, "x"), 64)
	if err != nil || !(v > 0) || v > 1e6 {
		return Pace{}, fmt.Errorf("%q is no speed; write it like 2x, 0.5x or max", s)
	}
	return Pace{Speed: v}, nil
}

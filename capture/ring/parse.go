package ring

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are what sizes are counted in. MB is a million bytes, MiB 2^20.
var units = []struct {
	name  string
	bytes int64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"b", 1},
}

// ParseRing reads how many files of which size to keep: "10x100MB", "5x1GiB".
// Units are B, kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (powers of
// 1024), in letters of any size; the number before them is whole.
func ParseRing(s string) (keep int, maxBytes int64, err error) {
	wrong := func(why string) (int, int64, error) {
		return 0, 0, fmt.Errorf("ring %q: %s; say FILESxSIZE, as in 10x100MB or 5x1GiB", s, why)
	}
	files, size, ok := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "x")
	if !ok {
		return wrong("there is no x")
	}
	keep, err = strconv.Atoi(files)
	if err != nil || keep < 1 || files[0] == '+' {
		return wrong(fmt.Sprintf("%q is not a number of files", files))
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(size, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 63)
		switch {
		case err != nil || n == 0:
			return wrong(fmt.Sprintf("%q is not a size", size))
		case n > uint64(math.MaxInt64/u.bytes):
			return wrong(fmt.Sprintf("%q is too large", size))
		}
		return keep, int64(n) * u.bytes, nil
	}
	return wrong(fmt.Sprintf("%q has no unit", size))
}

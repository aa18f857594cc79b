package ring

import "testing"

func TestParseRing(t *testing.T) {
	for s, want := range map[string]struct {
		keep  int
		bytes int64
	}{
		"10x100MB":  {10, 100_000_000},
		"5x1GiB":    {5, 1 << 30},
		"1x1b":      {1, 1},
		" 3X64kib ": {3, 64 << 10},
		"2x7TB":     {2, 7e12},
		"2x8TiB":    {2, 8 << 40},
		"2x500kB":   {2, 500_000},
	} {
		if keep, n, err := ParseRing(s); keep != want.keep || n != want.bytes || err != nil {
			t.Errorf("%q: %d, %d, %v", s, keep, n, err)
		}
	}
	for _, s := range []string{
		"", "x", "10", "100MB", "10x", "x100MB", "0x100MB", "-1x1MB", "+1x1MB", "1x0MB", "1x-1MB", "1x+1MB", "1x100", "1xMB",
		"1x1.5GB", "1x1 MB", "1x1PB", "1x9999999TiB", "1x99999999999999999999B", "10x100MBx2", "99999999999999999999x1MB",
	} {
		if keep, n, err := ParseRing(s); err == nil || keep != 0 || n != 0 {
			t.Errorf("%q: %d, %d, %v", s, keep, n, err)
		} else if s == "1x100" {
			t.Log(err)
		}
	}
}

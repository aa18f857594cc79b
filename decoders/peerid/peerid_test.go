package peerid

import "testing"

func TestClient(t *testing.T) {
	for id, want := range map[string]string{
		"-TR4040-abcdefghijkl":             "Transmission 4.0.4",
		"-TR2940-abcdefghijkl":             "Transmission 2.94",
		"-UT3550-abcdefghijkl":             "µTorrent 3.5.5",
		"-qB4500-abcdefghijkl":             "qBittorrent 4.5.0",
		"-lt0D80-abcdefghijkl":             "libTorrent 0.13.8",
		"-LT1230-abcdefghijkl":             "libtorrent 1.2.3",
		"-AZ5761-abcdefghijkl":             "Vuze 5.7.6.1",
		"-BC0202-abcdefghijkl":             "BitComet 2.02",
		"-XY1230-abcdefghijkl":             "XY 1.2.3",
		"M7-10-5--abcdefghijk":             "BitTorrent 7.10.5",
		"M4-3-6--abcdefghijkl":             "BitTorrent 4.3.6",
		"S58B-----abcdefghijk":             "Shadow 5.8.11",
		"T03I-----abcdefghijk":             "BitTornado 0.3.18",
		"exbc\x00\x38abcdefghijklmn":       "BitComet",
		"":                                 "",
		"-TR":                              "",
		"abcdefghijklmnopqrst":             "",
		"M--------abcdefghijk":             "",
		"S--------abcdefghijk":             "",
		"-\x00\x01\x02\x03\x04\x05-xxxxxx": "",
	} {
		if got := Client([]byte(id)); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

func FuzzClient(f *testing.F) {
	f.Add([]byte("-TR4040-abcdefghijkl"))
	f.Add([]byte("M7-10-5--abcdefghijk"))
	f.Fuzz(func(t *testing.T, id []byte) { Client(id) })
}

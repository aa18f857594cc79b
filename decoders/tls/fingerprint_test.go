package tls

import "testing"

// The example of FoxIO's technical details of JA4, with GREASE strewn in.
func TestJA4(t *testing.T) {
	var exts []string
	for _, e := range []int{0x2a2a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015} {
		switch e {
		case 0:
			exts = append(exts, sni("example.com"))
		case 16:
			exts = append(exts, alpn("h2", "http/1.1"))
		case 13:
			exts = append(exts, ext(e, vec(2, u16s(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601))))
		case 43:
			exts = append(exts, versions13)
		default:
			exts = append(exts, ext(e, ""))
		}
	}
	suites := []int{0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035}
	h := parseClientHello([]byte(hello(0x0303, "", suites, exts...)[4:]))
	if got := h.ja4(false); got != "t13d1516h2_8daaf6152771_e5627efa2ab1" || h.fault != "" {
		t.Error(got, h.fault)
	}
	if got := h.ja4(true); got != "q13d1516h2_8daaf6152771_e5627efa2ab1" {
		t.Error(got)
	}
	h.signatures = nil
	if got := h.ja4(false); got != "t13d1516h2_8daaf6152771_6d807ffa2a79" {
		t.Error("without signature algorithms:", got)
	}
	h = parseClientHello([]byte(hello(0x0301, "", nil)[4:]))
	if got := h.ja4(false); got != "t10i000000_000000000000_000000000000" {
		t.Error("empty:", got)
	}
}

func TestJA4ALPN(t *testing.T) {
	for in, want := range map[string]string{
		"h2": "h2", "http/1.1": "h1", "h": "hh", "": "00", "\xab": "ab", "\xab\xcd": "ad", "\x30\xab": "3b", "\x30\x31\xab\xcd": "3d", "\x30\xab\xcd\x31": "01",
	} {
		if got := ja4ALPN([]byte(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// The examples of JA3's own description; of JA3S the text by its definition.
func TestJA3(t *testing.T) {
	h := parseClientHello([]byte(hello(0x0301, "", []int{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
		sni("x"), ext(10, vec(2, u16s(23, 24, 25))), ext(11, vec(1, "\x00")))[4:]))
	if s := h.ja3(); s != "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0" || md5Hex(s) != "ada70206e40642a3e4461f35503241d5" {
		t.Error(s)
	}
	h = parseClientHello([]byte(hello(0x0301, "", []int{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99})[4:]))
	if s := h.ja3(); md5Hex(s) != "de350869b8c85de67a350c8d186f11e6" {
		t.Error(s)
	}
	sh := parseServerHello([]byte(helloOfServer(0x0301, serverRandom, "", 47, ext(65281, ""), ext(0, ""), ext(11, ""), ext(35, ""), ext(5, ""), ext(16, ""))[4:]))
	if s := sh.ja3s(); s != "769,47,65281-0-11-35-5-16" {
		t.Error(s)
	}
}

func TestNames(t *testing.T) {
	for _, tc := range [][2]string{
		{CipherSuite(0), "TLS_NULL_WITH_NULL_NULL"}, {CipherSuite(0x1301), "TLS_AES_128_GCM_SHA256"}, {CipherSuite(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{CipherSuite(0x001c), "0x001C"}, {CipherSuite(0xdada), "GREASE"}, {CipherSuite(0xdaea), "0xDAEA"}, {CipherSuite(0xffff), "0xFFFF"},
		{Extension(0), "server_name"}, {Extension(40), "0x0028"}, {Extension(41), "pre_shared_key"}, {Extension(62), "tls_flags"}, {Extension(0xff01), "renegotiation_info"},
		{Group(29), "x25519"}, {Group(4588), "X25519MLKEM768"}, {Group(0), "0x0000"},
		{Version(0x0300), "ssl 3.0"}, {Version(0x0304), "1.3"}, {Version(0x7f17), "1.3 draft 23"}, {Version(0x0305), "0x0305"}, {Version(2), "ssl 2.0"},
		{Alert(0), "close_notify"}, {Alert(200), "0xC8"},
	} {
		if tc[0] != tc[1] {
			t.Errorf("%s, want %s", tc[0], tc[1])
		}
	}
	for _, runs := range [][]run{suites, extensions, groups} {
		end := -1
		for _, r := range runs {
			if int(r.first) <= end {
				t.Errorf("0x%04x is out of order", r.first)
			}
			end = int(r.first) + len(r.names) - 1
		}
	}
}

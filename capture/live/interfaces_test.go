package live

import (
	"encoding/json"
	"net"
	"runtime"
	"slices"
	"testing"
)

// The loopback interface is there, as the standard library sees it.
func TestInterfaces(t *testing.T) {
	list, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, want := range all {
		if want.Flags&net.FlagLoopback == 0 {
			continue
		}
		i := slices.IndexFunc(list, func(x Interface) bool { return x.Name == want.Name })
		if i < 0 {
			t.Fatalf("%s is missing", want.Name)
		}
		found = true
		x := list[i]
		if x.Index != want.Index || x.MTU != want.MTU || x.MAC != "" || !slices.Contains(x.Flags, "loopback") || (x.State != StateDown) != (want.Flags&net.FlagUp != 0) {
			t.Errorf("%+v, want %+v", x, want)
		}
		if runtime.GOOS == "linux" && x.Link != "ethernet" {
			t.Errorf("link type %q", x.Link)
		}
		addrs, err := want.Addrs()
		if err != nil || len(addrs) != len(x.Addresses) {
			t.Errorf("addresses %v, want %v", x.Addresses, addrs)
		}
	}
	if !found {
		t.Skip("there is no loopback interface")
	}
	if last := list[len(list)-1]; (last.Name == Any) != hasAny {
		t.Errorf("the last one is %+v", last)
	}
	for _, x := range list {
		b, err := json.Marshal(x)
		var back map[string]any
		if err != nil || json.Unmarshal(b, &back) != nil || back["addresses"] == nil || back["flags"] == nil {
			t.Errorf("%s: lists are never null", b)
		}
	}
}

func TestStates(t *testing.T) {
	for f, want := range map[net.Flags]State{
		0: StateDown, net.FlagRunning: StateDown, net.FlagUp: StateNoCarrier, net.FlagUp | net.FlagRunning: StateUp,
	} {
		if got := stateOf(f); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}

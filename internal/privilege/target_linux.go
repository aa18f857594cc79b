package privilege

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// target is the user to become.
type target struct {
	name     string
	uid, gid int
	groups   []int
}

// target finds the user to become, and why it is that one; or nil, and why the
// user stays.
func (o *Options) target() (*target, string) {
	switch {
	case o.Keep:
		return nil, "so it was asked for"
	case unix.Geteuid() != 0:
		return nil, "it is not root"
	case !has(unix.CAP_SETUID) || !has(unix.CAP_SETGID):
		return nil, "root may not change its user here"
	}
	name, why := o.User, "as asked for"
	if name == "" {
		name, why = os.Getenv("SUDO_UID"), "who called sudo"
	}
	if name == "" || name == "0" {
		name, why = "nobody", "who has no rights"
	}
	u := findUser(name)
	if u == nil {
		return nil, fmt.Sprintf("there is no user %s", name)
	}
	if u.uid == 0 {
		return nil, "so it was asked for"
	}
	for _, f := range o.Write {
		if !u.mayWrite(f) {
			return nil, fmt.Sprintf("%s may not write to %s", u.name, f)
		}
	}
	return u, why
}

// findUser looks a user up by name or number; a number needs no entry.
func findUser(name string) *target {
	found, err := user.Lookup(name)
	if err != nil {
		found, err = user.LookupId(name)
	}
	if err != nil {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 {
			return nil
		}
		return &target{name: name, uid: n, gid: n, groups: []int{n}}
	}
	t := &target{name: found.Username}
	t.uid, _ = strconv.Atoi(found.Uid)
	t.gid, _ = strconv.Atoi(found.Gid)
	t.groups = []int{t.gid}
	if ids, err := found.GroupIds(); err == nil {
		for _, id := range ids {
			if n, err := strconv.Atoi(id); err == nil && n != t.gid {
				t.groups = append(t.groups, n)
			}
		}
	}
	return t
}

// mayWrite reports whether the user may make files in a folder, by its mode and
// those of the folders above it.
func (t *target) mayWrite(folder string) bool {
	const search, write = 1, 2
	var st unix.Stat_t
	if unix.Stat(folder, &st) != nil || !t.may(&st, search|write) {
		return false
	}
	for _, above := range parents(folder) {
		if unix.Stat(above, &st) != nil || !t.may(&st, search) {
			return false
		}
	}
	return true
}

// may reports whether the bits (as of "other") are set for the user.
func (t *target) may(st *unix.Stat_t, bits uint32) bool {
	mode := st.Mode
	if int(st.Uid) == t.uid {
		return mode>>6&bits == bits
	}
	for _, g := range t.groups {
		if int(st.Gid) == g {
			return mode>>3&bits == bits
		}
	}
	return mode&bits == bits
}

package privilege

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// timeZone is what the standard library reads when a local time is first
// printed.
var timeZone = []string{"/etc/localtime", "/usr/share/zoneinfo"}

// sandbox leaves the process nothing of the file system but what it will use,
// by Landlock (Linux 5.13), and no new TCP sockets (Linux 6.7).
func (o *Options) sandbox() []string {
	version, err := ll.LandlockGetABIVersion()
	if err != nil || version < 1 {
		return []string{"Files are not fenced off: the kernel has no Landlock."}
	}
	rules := []landlock.Rule{landlock.RODirs(dirs(o.Read, timeZone)...).IgnoreIfMissing(), landlock.ROFiles(files(o.Read, timeZone)...).IgnoreIfMissing()}
	if len(o.Write) > 0 {
		rules = append(rules, landlock.RWDirs(o.Write...))
	}
	fence := landlock.V5.BestEffort()
	if err := fence.RestrictPaths(rules...); err != nil {
		return []string{fmt.Sprintf("Files are not fenced off: %v.", err)}
	}
	where := "nowhere"
	if len(o.Write) > 0 {
		where = "to " + list(o.Write) + " only"
	}
	said := []string{fmt.Sprintf("Files can be written %s (Landlock, version %d).", where, version)}
	switch {
	case o.Network:
	case version < 4:
		said = append(said, "TCP connections are not fenced off: the kernel is older than Linux 6.7.")
	default:
		if err := fence.RestrictNet(); err != nil {
			said = append(said, fmt.Sprintf("TCP connections are not fenced off: %v.", err))
		} else {
			said = append(said, "No TCP connection can be made or listened for anew.")
		}
	}
	return said
}

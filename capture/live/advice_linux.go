package live

import (
	"fmt"
	"os"
	"path/filepath"
)

// bringUp is the command that makes an interface ready.
func bringUp(name string) string { return "sudo ip link set " + name + " up" }

// forbidden says what to do where the process may not capture.
func forbidden(name string) error { return forbiddenTo(name, os.Geteuid() == 0) }

func forbiddenTo(name string, root bool) error {
	path, err := os.Executable()
	if err == nil {
		if real, e := filepath.EvalSymlinks(path); e == nil {
			path = real
		}
	} else {
		path = "$(command -v wiretale)"
	}
	e := &Error{Interface: name, Err: fmt.Errorf("%w: capturing needs the capability CAP_NET_RAW", ErrPermission)}
	if root {
		e.Advice = `root does not have it here, as in most containers; start the container with
  docker run --cap-add=NET_RAW --cap-add=NET_ADMIN …`
	} else {
		e.Advice = fmt.Sprintf(`give it to the program, once (and again when it is replaced):
  sudo setcap cap_net_raw,cap_net_admin=ep %s
or run it as root; it drops all privileges once the interface is open:
  sudo %s …`, quote(path), quote(path))
	}
	return e
}

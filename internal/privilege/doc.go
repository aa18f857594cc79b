// Package privilege gives up what a process may do once it has opened what it
// needs: its user, its capabilities, and the files it may reach. What the
// system does not have is left out, and said. It must be called after
// everything is open that needs privileges; there is no way back.
package privilege

// Options say what is to stay.
type Options struct {
	// User is the name or number of the user to become where the process is
	// root; empty: the one who called sudo, or else nobody.
	User string
	// Keep leaves the user as it is.
	Keep bool
	// Write are folders that files will be written to, made, renamed and
	// removed in. They must exist. A user who may not write to one of them is
	// not become.
	Write []string
	// Read are files and folders that will be read, besides those of the time
	// zone. What is not there is left out.
	Read []string
	// Network allows new TCP connections and listening sockets. Sockets that
	// are open go on working without it.
	Network bool
}

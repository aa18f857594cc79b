package ring

import "os"

// mode is what becomes of a file that is there already.
type mode int

const (
	asNew       mode = iota // it stays: fs.ErrExist
	overwriting             // it is lost
)

// mine are the permissions of a new file: packets hold what people say.
const mine = 0o600

// creator makes a file with a head. The error names the file; there is no new
// file then.
type creator func(name string, head []byte, how mode) (file, error)

// opener is os.OpenFile.
type opener func(name string, flag int) (file, error)

// create makes a file of the real disk, at once with its head if that is
// possible.
func create(name string, head []byte, how mode) (file, error) {
	f, err := appear(name, head)
	if err == nil || how == asNew && os.IsExist(err) {
		return f, err
	}
	// Whatever the reason was, this tells a better one or works.
	return inSteps(openFile, name, head, how)
}

func openFile(name string, flag int) (file, error) { return os.OpenFile(name, flag, mine) }

// inSteps makes a file and then writes its head.
func inSteps(open opener, name string, head []byte, how mode) (file, error) {
	f, err := open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	made := err == nil
	if !made && os.IsExist(err) && how == overwriting {
		f, err = open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC) // where a link leads, too
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(head); err != nil {
		f.Close()
		if made {
			os.Remove(name)
		}
		return nil, err
	}
	return f, nil
}

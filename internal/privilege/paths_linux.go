package privilege

import (
	"fmt"
	"os"
	"path/filepath"
)

// parents are the folders above a path, the nearest first.
func parents(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	var list []string
	for up := filepath.Dir(path); up != path; path, up = up, filepath.Dir(up) {
		list = append(list, up)
	}
	return list
}

// check reports a folder that is none.
func (o *Options) check() error {
	for _, f := range o.Write {
		info, err := os.Stat(f)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", f)
		}
	}
	return nil
}

// dirs are those of the paths that are folders, files the others that exist.
func dirs(lists ...[]string) []string  { return exist(true, lists) }
func files(lists ...[]string) []string { return exist(false, lists) }

func exist(folder bool, lists [][]string) (out []string) {
	for _, l := range lists {
		for _, p := range l {
			if info, err := os.Stat(p); err == nil && info.IsDir() == folder {
				out = append(out, p)
			}
		}
	}
	return out
}

package scenarios

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Each folder's README.md tells of its scenarios, in words for those who play
// them.
//
//go:embed */README.md
var readmes embed.FS

// Readme is the text about the scenario of that name; "" when there is none. A
// family shares one, and names each of its scenarios in it as `name`.
func Readme(name string) string {
	files, err := fs.Glob(readmes, "*/README.md")
	if err != nil {
		return ""
	}
	best, most := "", 0
	for _, file := range slices.Sorted(slices.Values(files)) {
		text, err := readmes.ReadFile(file)
		if err != nil {
			continue
		}
		score := strings.Count(string(text), "`"+name+"`")
		switch folder := path.Dir(file); {
		case folder == name:
			return string(text)
		case score > 0 && strings.HasPrefix(name, folder):
			score += 1000 // another family may speak of it too
		}
		if score > most {
			best, most = string(text), score
		}
	}
	return best
}

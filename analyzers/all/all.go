// Package all is the one list of questions. It must not hold logic.
package all

import "github.com/wiretale/wiretale/analyzers"

// Questions lists every analysis, by name.
func Questions() []analyzers.Question {
	return []analyzers.Question{}
}

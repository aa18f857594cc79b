package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

func completionCommand() *command {
	return &command{
		name: "completion", args: "bash|zsh|fish",
		short: "print a completion script for a shell",
		long:  "Completion prints a script that completes commands, flags and their values.",
		examples: [][2]string{
			{"source <(wiretale completion bash)", "in this bash"},
			{"wiretale completion zsh > ~/.zfunc/_wiretale", "for zsh (a folder of $fpath)"},
			{"wiretale completion fish > ~/.config/fish/completions/wiretale.fish", "for fish"},
		},
		words: func() []string { return []string{"bash", "zsh", "fish"} },
		setup: func(c *call) func() error {
			return func() error {
				if len(c.args) != 1 {
					return usagef("for which shell? bash, zsh or fish")
				}
				switch c.args[0] {
				case "bash":
					bashCompletion(c.stdout)
				case "zsh":
					zshCompletion(c.stdout)
				case "fish":
					fishCompletion(c.stdout)
				default:
					return usagef("%q is no shell that is known: bash, zsh or fish", c.args[0])
				}
				return nil
			}
		},
	}
}

// flagWords are the flags of cmd as they are typed.
func flagWords(cmd *command) []string {
	var out []string
	cmd.flagsOf().VisitAll(func(f *pflag.Flag) { out = append(out, "--"+f.Name) })
	return append(out, "--help")
}

// takesValue reports whether f wants a value after it.
func takesValue(f *pflag.Flag) bool { return f.NoOptDefVal == "" }

func bashCompletion(w io.Writer) {
	fmt.Fprintf(w, `# bash completion for wiretale
_wiretale() {
    local cur prev words cword command
    # = and : are parts of words here (limits, streams).
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n "=:" cur prev words cword
    else
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cword=$COMP_CWORD words=("${COMP_WORDS[@]}")
    fi
    COMPREPLY=()
    if (( cword == 1 )); then
        COMPREPLY=($(compgen -W %q -- "$cur"))
        return
    fi
    command=${words[1]}
    case "$command $prev" in
`, strings.Join(commandNames(), " "))
	for _, cmd := range commands() {
		cmd.flagsOf().VisitAll(func(f *pflag.Flag) {
			if !takesValue(f) {
				return
			}
			name := cmd.name + " --" + f.Name
			fmt.Fprintf(w, "    %q", name)
			if f.Shorthand != "" {
				fmt.Fprintf(w, "|%q", cmd.name+" -"+f.Shorthand)
			}
			if values := cmd.values[f.Name]; values != nil {
				// A list: what stands before the last comma is kept.
				fmt.Fprintf(w, ") local list=%q before=; [[ $cur == *,* ]] && before=${cur%%,*},\n", strings.Join(values(), " "))
				fmt.Fprint(w, "        COMPREPLY=($(compgen -P \"$before\" -W \"$list\" -- \"${cur##*,}\"))\n")
				fmt.Fprint(w, "        compopt -o nospace; return ;;\n")
			} else {
				fmt.Fprint(w, ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n")
			}
		})
	}
	fmt.Fprint(w, "    esac\n    if [[ $cur == -* ]]; then\n        case $command in\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "        %s) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", cmd.name, strings.Join(flagWords(cmd), " "))
	}
	fmt.Fprint(w, "        esac\n        return\n    fi\n    case $command in\n")
	for _, cmd := range commands() {
		if cmd.words != nil {
			fmt.Fprintf(w, "    %s) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", cmd.name, strings.Join(cmd.words(), " "))
		}
	}
	fmt.Fprintf(w, "    help) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", strings.Join(commandNames(), " "))
	fmt.Fprint(w, `    *) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
}
complete -F _wiretale wiretale
`)
}

// zshQuote makes s safe within '…[…]…' of _arguments.
var zshQuote = strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)

func zshCompletion(w io.Writer) {
	fmt.Fprint(w, "#compdef wiretale\n# zsh completion for wiretale\n_wiretale() {\n    local -a commands\n    commands=(\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "        '%s:%s'\n", cmd.name, zshQuote.Replace(cmd.short))
	}
	fmt.Fprint(w, `    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words; (( CURRENT-- ))
    case $command in
`)
	for _, cmd := range commands() {
		fmt.Fprintf(w, "    %s)\n        _arguments -s -S", cmd.name)
		cmd.flagsOf().VisitAll(func(f *pflag.Flag) {
			value, usage := pflag.UnquoteUsage(f)
			spec := "[" + zshQuote.Replace(usage) + "]"
			name := "--" + f.Name
			if takesValue(f) {
				name += "="
				spec += ":" + zshQuote.Replace(value) + ":"
				if values := cmd.values[f.Name]; values != nil {
					spec += "_sequence compadd - " + strings.Join(values(), " ")
				} else {
					spec += "_files"
				}
			}
			fmt.Fprintf(w, " \\\n            '*%s%s'", name, spec)
			if f.Shorthand != "" {
				fmt.Fprintf(w, " \\\n            '*-%s%s'", f.Shorthand, spec)
			}
		})
		fmt.Fprint(w, " \\\n            '--help[show help]'")
		if cmd.words == nil {
			fmt.Fprint(w, " \\\n            '*:capture:_files'")
		} else if words := cmd.words(); len(words) > 0 {
			fmt.Fprintf(w, " \\\n            '1:argument:(%s)'", strings.Join(words, " "))
		}
		fmt.Fprint(w, "\n        ;;\n")
	}
	fmt.Fprint(w, "    esac\n}\nif [[ $funcstack[1] == _wiretale ]]; then\n    _wiretale \"$@\"\nelse\n    compdef _wiretale wiretale\nfi\n")
}

// fishQuote makes s safe within single quotes.
var fishQuote = strings.NewReplacer(`\`, `\\`, "'", `\'`)

func fishCompletion(w io.Writer) {
	fmt.Fprint(w, "# fish completion for wiretale\ncomplete -c wiretale -f\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "complete -c wiretale -n __fish_use_subcommand -a %s -d '%s'\n", cmd.name, fishQuote.Replace(cmd.short))
	}
	for _, cmd := range commands() {
		when := fmt.Sprintf("complete -c wiretale -n '__fish_seen_subcommand_from %s'", cmd.name)
		cmd.flagsOf().VisitAll(func(f *pflag.Flag) {
			_, usage := pflag.UnquoteUsage(f)
			fmt.Fprintf(w, "%s -l %s", when, f.Name)
			if f.Shorthand != "" {
				fmt.Fprintf(w, " -s %s", f.Shorthand)
			}
			if takesValue(f) {
				if values := cmd.values[f.Name]; values != nil {
					fmt.Fprintf(w, " -x -a '%s'", fishQuote.Replace(strings.Join(values(), " ")))
				} else {
					fmt.Fprint(w, " -r -F")
				}
			}
			fmt.Fprintf(w, " -d '%s'\n", fishQuote.Replace(usage))
		})
		if cmd.words == nil {
			fmt.Fprintf(w, "%s -F\n", when)
		} else if words := cmd.words(); len(words) > 0 {
			fmt.Fprintf(w, "%s -a '%s'\n", when, fishQuote.Replace(strings.Join(words, " ")))
		}
	}
}

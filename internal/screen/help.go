package screen

var helpLines = [][2]string{
	{"1 2 3", "overview, messages, tables"},
	{"space", "stand still, and go on"},
	{"/", "messages with this text only"},
	{"↑ ↓ PgUp PgDn", "choose a message, scroll a table"},
	{"Home End", "oldest; newest, and stay there"},
	{"f", "only this message's stream, and back"},
	{"enter", "its conversation; esc: back"},
	{"tab shift+tab", "next table, the one before"},
	{"s", "sort talkers, or a table, by the next column"},
	{"q ctrl+c", "quit"},
}

func (m *model) help(c *canvas) {
	for _, l := range helpLines {
		c.line(span{bold, labelled(l[0]).text}, span{plain, l[1]})
	}
}

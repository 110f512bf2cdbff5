package chart

import "html/template"

// Stack is a bar of numbers that add up to a whole, such as the parts of an import by status.
type Stack struct {
	Title string
	Parts []StackPart
}

// StackPart is a number of a Stack.
type StackPart struct {
	Tone Tone
	// Text says what it is, with the number.
	Text  string
	Value int
}

// Shares draws a stack, nothing for one without numbers.
func Shares(spec Stack) template.HTML {
	whole := 0
	for _, p := range spec.Parts {
		whole += max(p.Value, 0)
	}
	if whole == 0 {
		return ""
	}
	var m markup
	m.add(`<svg class="track" role="img" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" `+
		`preserveAspectRatio="none"><title>%s</title>`, coord(plotWidth), coord(rowHeight), text(spec.Title))
	at := 0
	for _, p := range spec.Parts {
		value := max(p.Value, 0)
		m.add(`<rect class="span %s" x="%s" y="0" width="%s" height="%s"><title>%s</title></rect>`, p.Tone.class(),
			coord(float64(at)/float64(whole)*plotWidth), coord(float64(value)/float64(whole)*plotWidth), coord(rowHeight),
			text(p.Text))
		at += value
	}
	m.add(`</svg>`)
	return m.html()
}

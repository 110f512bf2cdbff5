package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// readYAML applies a configuration file. It walks the syntax tree instead of decoding into
// the struct: it knows the position of every error, keeps the defaults of empty settings,
// refuses values that a decoder would ignore or round, and its errors cannot quote a value.
func (c *Config) readYAML(path string, text []byte) error {
	f := &configFile{path: path, settings: map[string]map[string]setting{}}
	for s := range c.settings() {
		if f.settings[s.section] == nil {
			f.settings[s.section] = map[string]setting{}
			f.sections = append(f.sections, s.section)
		}
		f.settings[s.section][s.key] = s
		f.keys = append(f.keys, s)
	}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return f.syntaxFault(err)
	}
	for i, doc := range parsed.Docs {
		if i > 0 && doc.Body != nil {
			f.fault(doc.Body, "a second document: want a single one")
			break
		}
		f.readSections(doc.Body)
	}
	return errors.Join(f.faults...)
}

// configFile is a parsed configuration file.
type configFile struct {
	path     string
	sections []string
	keys     []setting
	settings map[string]map[string]setting
	faults   []error
}

func (f *configFile) readSections(body ast.Node) {
	for section, node := range f.entries(body, "sections: "+strings.Join(f.sections, ", ")) {
		keys, known := f.settings[section.text]
		if !known {
			f.fault(section.node, "there is no section %s: the sections are %s",
				harmless(section.text), strings.Join(f.sections, ", "))
			continue
		}
		for key, value := range f.entries(node, "settings: "+f.keysOf(section.text)) {
			s, known := keys[key.text]
			if !known {
				f.fault(key.node, "%s has no setting %s: its settings are %s",
					section.text, harmless(key.text), f.keysOf(section.text))
				continue
			}
			f.readSetting(s, value)
		}
	}
}

func (f *configFile) keysOf(section string) string {
	var keys []string
	for _, s := range f.keys {
		if s.section == section {
			keys = append(keys, s.key)
		}
	}
	return strings.Join(keys, ", ")
}

func (f *configFile) readSetting(s setting, node ast.Node) {
	var text string
	switch v := node.(type) {
	case nil, *ast.NullNode:
		// An empty value keeps the default.
		return
	case *ast.StringNode:
		text = v.Value
	case *ast.LiteralNode:
		text = strings.TrimRight(v.Value.Value, "\n")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		text = v.GetToken().Value
	default:
		f.fault(node, "%s: want %s", s.name(), s.want())
		return
	}
	if err := s.set(text); err != nil {
		f.fault(node, "%s: %w", s.name(), err)
	}
}

// entryKey is a key of a mapping.
type entryKey struct {
	text string
	node ast.Node
}

// entries iterates over a mapping. what describes the expected content for the error if
// the node is not a mapping.
func (f *configFile) entries(node ast.Node, what string) func(yield func(entryKey, ast.Node) bool) {
	var values []*ast.MappingValueNode
	switch v := node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
	case *ast.MappingNode:
		values = v.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{v}
	default:
		f.fault(node, "want a mapping of %s", what)
	}
	return func(yield func(entryKey, ast.Node) bool) {
		for _, value := range values {
			key, ok := value.Key.(*ast.StringNode)
			if !ok {
				f.fault(value.Key, "want a plain name: one of the %s", what)
				continue
			}
			if !yield(entryKey{text: key.Value, node: key}, value.Value) {
				return
			}
		}
	}
}

func (f *configFile) fault(node ast.Node, format string, args ...any) {
	at := node.GetToken().Position
	f.faults = append(f.faults, fmt.Errorf("%s:%d:%d: %w", f.path, at.Line, at.Column, fmt.Errorf(format, args...)))
}

// syntaxFault returns the position and the message only: the parser's full text quotes
// lines of the file.
func (f *configFile) syntaxFault(err error) error {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		return fmt.Errorf("%s: not valid YAML", f.path)
	}
	at := syntax.GetToken().Position
	message := quoted.ReplaceAllStringFunc(syntax.GetMessage(), func(q string) string {
		return harmless(strings.Trim(q, `"`))
	})
	return fmt.Errorf("%s:%d:%d: not valid YAML: %s", f.path, at.Line, at.Column, message)
}

var (
	quoted     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	identifier = regexp.MustCompile(`^[a-z][a-z_]{0,39}$`)
)

// harmless quotes a text that looks like the name of a setting. Other texts may be
// misplaced values and are not quoted.
func harmless(name string) string {
	if identifier.MatchString(name) {
		return `"` + name + `"`
	}
	return "of that name"
}

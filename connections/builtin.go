package connections

import (
	"errors"
	"slices"
)

// errNotify means that a command would add, change or remove the built-in connection.
var errNotify = invalid{errors.New("the connection notify is built in: its settings are notify.smtp_host and " +
	"those beside it in the configuration")}

// builtIn returns the built-in connection of a name.
func (c *Connections) builtIn(name string) (Connection, bool) {
	i := slices.IndexFunc(c.BuiltIn, func(b Connection) bool { return b.Name == name })
	if i < 0 {
		return Connection{}, false
	}
	return c.BuiltIn[i], true
}

// info returns the public fields of a built-in connection.
func (c Connection) info() Info {
	return Info{
		Name: c.Name, Kind: c.Kind, Settings: c.Settings, Secrets: secretNames(c.Secrets), KeyStatus: KeyNone, BuiltIn: true,
	}
}

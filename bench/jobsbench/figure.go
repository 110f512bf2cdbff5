package jobsbench

// figure is a line of the table.
type figure struct {
	// key names it for programs, name for people.
	key, name string
	// of returns its value, and whether it was measured of a system.
	of func(system string) (float64, bool)
	// format writes it.
	format string
}

// figuresOf makes figures of what was measured of a case.
func figuresOf[T any](prefix string, measured map[string]T, all []oneFigure[T]) []figure {
	if len(measured) == 0 {
		return nil
	}
	figures := make([]figure, 0, len(all))
	for _, f := range all {
		figures = append(figures, figure{
			key: prefix + "_" + f.key, name: f.name, format: f.format,
			of: func(system string) (float64, bool) {
				what, is := measured[system]
				return f.of(what), is
			},
		})
	}
	return figures
}

// oneFigure is a figure of a case.
type oneFigure[T any] struct {
	key, name, format string
	of                func(T) float64
}

// row is a case's name with its figures.
type row struct {
	name    string
	figures []figure
}

// ratio is Sluice's figure divided by another system's, if both were measured and it can be
// divided by.
func (f figure) ratio(system string) (float64, bool) {
	ours, is := f.of(SystemSluice)
	theirs, has := f.of(system)
	if !is || !has || theirs == 0 {
		return 0, false
	}
	return ours / theirs, true
}

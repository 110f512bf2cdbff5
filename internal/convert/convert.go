// Package convert converts lists from the form of one layer to that of another, such as rows to what the API shows.
package convert

// Slice returns the results of f for each item, in order. The result is never nil, so that no items are [] in JSON.
func Slice[T, V any](items []T, f func(T) V) []V {
	all := make([]V, len(items))
	for i, item := range items {
		all[i] = f(item)
	}
	return all
}

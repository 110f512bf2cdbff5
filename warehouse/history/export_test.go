package history

// Explained is explained.
func Explained(err error) error { return explained(err) }

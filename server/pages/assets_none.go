//go:build !assets

package pages

// scripts are the scripts of the build tag assets: this build has none.
var scripts map[string][]byte

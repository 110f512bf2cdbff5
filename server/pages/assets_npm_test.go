//go:build assets

package pages_test

// builtAssets tells whether the scripts of the build tag assets are there.
const builtAssets = true

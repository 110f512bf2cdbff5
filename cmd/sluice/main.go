// Command sluice runs data imports and event deliveries as durable workflows.
package main

import "github.com/sluicehq/sluice/app"

func main() { app.Main() }

// Package app builds programs of Sluice with importers, destinations, connection kinds and
// mail templates of their own. A program has the whole command line and the worker of sluice,
// which is such a program itself. Its main registers what it adds:
//
//	func main() {
//		app.Main(
//			app.Importer(orders.New()),
//			app.Destination(shopcrm.New()),
//			app.ConnectionKind(shopcrm.Kind{}),
//			app.Templates(mails),
//		)
//	}
//
// Every command and every worker of the program has the added components beside Sluice's own:
// `import start orders` starts an import, flows and `event send` deliver to shop_crm, `connection
// test` tests its connections. Programs that share databases and a Temporal namespace share
// imports, jobs and connections; the workers that have an importer run its imports.
//
// `sluice generate project` generates such a main with an importer, a destination, tests and a
// Makefile.
package app

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
// Every command and every worker of the program knows the added components as it knows
// Sluice's own: `import start orders` starts an import, flows and `event send` deliver to
// shop_crm, `connection test` tests its connections. Programs that share databases and a
// Temporal namespace share imports, jobs and connections; a kind of import is carried out by
// the workers that know it.
//
// `sluice generate project` writes such a main with an importer, a destination, tests and a
// Makefile.
package app

// Package pages shows Sluice in a browser. Every page works without JavaScript; a build with the tag assets adds live
// updates on top.
//
// Pages are clients of the REST API in this process: what they show and what they send goes through its operations,
// with the credentials of the browser, so that a page can do exactly what its reader may do, and shows the numbers that
// the API answers. Package pages has no rule of its own.
//
// A page is a method that loads its data and a template of the same name:
//
//	p.page("GET /imports/{import}", "import", p.importPage)
//	p.action("POST /imports/{import}/pause", "import", p.importPage, p.pauseImport)
//
// The template defines "title" and "main"; templates/parts has what several pages use. An action sends one operation
// and returns the path to go to. If the API refuses it, the page that the form is on is shown again, with the problem
// and what was typed.
package pages

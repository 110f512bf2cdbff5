// Package access says who may do what: roles, the permissions that operations need, and the principal on whose behalf
// an operation runs. It knows neither HTTP nor Temporal nor the store.
//
// A door (the API, the pages, the command line) authenticates a request, puts the [Principal] and the [Actor] into the
// context with [With] and [WithActor], and calls an operation. The operation calls [Require] with its permission and
// its site.
package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role says what a principal may do on its sites.
type Role string

// Roles. Admin includes operator and reviewer, both of which include viewer. Ingest includes none and is included in
// none.
const (
	// RoleViewer reads.
	RoleViewer Role = "viewer"
	// RoleOperator also starts and changes imports, jobs, events, schedules, syncs and locks.
	RoleOperator Role = "operator"
	// RoleReviewer reads, and decides imports in review.
	RoleReviewer Role = "reviewer"
	// RoleAdmin does everything, also settings of sites, connections, destinations, flows, tokens, accounts and the audit.
	RoleAdmin Role = "admin"
	// RoleIngest sends live events of its sites to POST /api/event, and nothing else.
	RoleIngest Role = "ingest"
)

// Permission is what an operation needs.
type Permission string

// Permissions, one for each operation.
const (
	// PermissionRead is needed to list and show.
	PermissionRead Permission = "read"
	// PermissionOperate is needed to start and change imports, jobs, events, schedules, syncs and locks.
	PermissionOperate Permission = "operate"
	// PermissionReview is needed to decide an import in review.
	PermissionReview Permission = "review"
	// PermissionAdminister is needed for settings of sites, connections, destinations, flows, tokens, accounts and the
	// audit.
	PermissionAdminister Permission = "administer"
	// PermissionIngest is needed to send live events as an authorised sender.
	PermissionIngest Permission = "ingest"
)

// Roles returns the roles of people and services in the order of their documentation, without RoleIngest.
func Roles() []Role { return []Role{RoleViewer, RoleOperator, RoleReviewer, RoleAdmin} }

// Permissions returns all permissions.
func Permissions() []Permission {
	return []Permission{PermissionRead, PermissionOperate, PermissionReview, PermissionAdminister, PermissionIngest}
}

// Allows tells whether the role includes the permission. An unknown role or permission is never allowed.
func (r Role) Allows(need Permission) bool {
	switch r {
	case RoleViewer:
		return need == PermissionRead
	case RoleOperator:
		return need == PermissionRead || need == PermissionOperate
	case RoleReviewer:
		return need == PermissionRead || need == PermissionReview
	case RoleAdmin:
		return need == PermissionRead || need == PermissionOperate || need == PermissionReview || need == PermissionAdminister
	case RoleIngest:
		return need == PermissionIngest
	default:
		return false
	}
}

// ParseRole returns the role that a person or a service is given by name. RoleIngest is no such role.
func ParseRole(name string) (Role, error) {
	if role := Role(name); slices.Contains(Roles(), role) {
		return role, nil
	}
	return "", fmt.Errorf("unknown role %q (want %s)", name, roleNames(Roles()))
}

// rolesWith returns the roles that include a permission, as text.
func rolesWith(need Permission) string {
	roles := slices.DeleteFunc(append(Roles(), RoleIngest), func(r Role) bool { return !r.Allows(need) })
	return roleNames(roles)
}

func roleNames(roles []Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

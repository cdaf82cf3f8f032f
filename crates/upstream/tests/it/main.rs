//! Against real servers: OpenLDAP's slapd and FreeRADIUS.

mod ldap;
mod radius;

"""Who may do what, pure: principals, scopes, roles, organs; tokens and accounts as a file; signed tokens of people."""

/* SPDX-License-Identifier: MIT */
/* Numbered SQL migrations, embedded into the program by store/migrations/embed.c. */
#ifndef SP_STORE_MIGRATION_H
#define SP_STORE_MIGRATION_H

/* Several statements, without BEGIN and COMMIT: the runner wraps each migration and its row in schema_migrations into one transaction. */
struct sp_migration {
	int number;
	const char *name;
	const char *sql;
};

extern const struct sp_migration sp_migrations_sqlite[]; /* from 1 without gaps; ends with number 0 */

#endif

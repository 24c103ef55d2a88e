/* SPDX-License-Identifier: MIT */
/* GET /v1/languages */
#include <string.h>

#include "api/internal.h"

void sp_api_language_state(struct sp_api *a, size_t i, struct sp_language_state *out)
{
	pthread_rwlock_rdlock(&a->parts_lock);
	if (a->frozen)
		*out = a->frozen[i];
	else
		a->parts.language_state(a->parts.cls, i, out);
	pthread_rwlock_unlock(&a->parts_lock);
}

static json_t *limits_json(const struct sp_eval_limits *l)
{
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
	        {"wall_ms", l->run.wall_ms},
	        {"cpu_ms", l->run.cpu_ms},
	        {"memory_bytes", l->run.memory_bytes},
	        {"processes", l->run.processes},
	        {"open_files", l->run.open_files},
	        {"files_bytes", l->run.files_bytes},
	        {"output_bytes", l->run.output_bytes},
	        {"compile_wall_ms", l->compile_wall_ms},
	};
	json_t *o = json_object();
	for (size_t i = 0; i < SP_COUNT(rows); i++) json_object_set_new(o, rows[i].name, json_integer(rows[i].value));
	return o;
}

static json_t *language_json(struct sp_api *a, const struct sp_config *now, size_t i)
{
	const struct sp_language *l = &a->parts.languages->list[i];
	struct sp_language_state state = {0};
	json_t *o = json_object(), *aliases = json_array(), *limits = json_object();

	sp_api_language_state(a, i, &state);
	for (char **s = l->aliases; s && *s; s++) json_array_append_new(aliases, json_string(*s));
	struct sp_eval_limits defaults = now->limits_default;
	if (defaults.run.memory_bytes < l->memory_min_bytes) defaults.run.memory_bytes = l->memory_min_bytes;
	json_object_set_new(limits, "defaults", limits_json(&defaults));
	json_object_set_new(limits, "max", limits_json(&now->limits_max));
	json_object_set_new(o, "id", json_string(l->id));
	json_object_set_new(o, "name", json_string(l->name));
	json_object_set_new(o, "aliases", aliases);
	json_object_set_new(o, "version", state.available && state.version[0] ? json_string(state.version) : json_null());
	json_object_set_new(o, "available", json_boolean(state.available));
	json_object_set_new(o, "reason", state.available || !state.why[0] ? json_null() : json_string(state.why));
	json_object_set_new(o, "source", json_string(l->source));
	json_object_set_new(o, "compiled", json_boolean(l->compile != NULL));
	json_object_set_new(o, "limits", limits);
	return o;
}

void sp_api_get_languages(struct sp_http_request *r, void *api)
{
	struct sp_api *a = api;
	static const char *const known[] = {NULL};
	struct sp_caller caller;

	if (!sp_api_caller(a, r, &caller) || !sp_api_check_query(r, known)) return;
	sp_autoconfig const struct sp_config *now = sp_config_hold(a->parts.config);
	json_t *items = json_array(), *o = json_object();
	for (size_t i = 0; i < a->parts.languages->n; i++) json_array_append_new(items, language_json(a, now, i));
	json_object_set_new(o, "items", items);
	sp_api_reply_json(r, 200, o);
}

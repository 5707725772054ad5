
/*
 * Variables for access_log: what happened on a connection, known when it ends.
 */


#include "ngx_http_wallarm_websocket.h"


static ngx_int_t ngx_http_wallarm_websocket_type_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_wallarm_websocket_mode_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_wallarm_websocket_count_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_wallarm_websocket_verdict_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_wallarm_websocket_set(ngx_http_variable_value_t *v,
    ngx_str_t *value);


static ngx_http_variable_t  ngx_http_wallarm_websocket_vars[] = {

    { ngx_string("wallarm_attack_type"), NULL,
      ngx_http_wallarm_websocket_type_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("wallarm_mode"), NULL,
      ngx_http_wallarm_websocket_mode_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("wallarm_websocket_messages"), NULL,
      ngx_http_wallarm_websocket_count_variable,
      offsetof(ngx_http_wallarm_websocket_ctx_t, messages),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("wallarm_websocket_uninspected"), NULL,
      ngx_http_wallarm_websocket_count_variable,
      offsetof(ngx_http_wallarm_websocket_ctx_t, uninspected),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("wallarm_websocket_verdict"), NULL,
      ngx_http_wallarm_websocket_verdict_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


/* Wallarm's codes; a bit each in ctx->types, the first for any other */

ngx_str_t  ngx_http_wallarm_websocket_types[] = {
    ngx_string("other"),
    ngx_string("sqli"),
    ngx_string("xss"),
    ngx_string("rce"),
    ngx_string("ptrav"),
    ngx_string("rfi"),
    ngx_string("nosqli"),
    ngx_string("ssti"),
    ngx_string("ssi"),
    ngx_string("xxe"),
    ngx_string("ssrf"),
    ngx_string("ldapi"),
    ngx_string("crlf"),
    ngx_string("mail_injection"),
    ngx_string("redir"),
    ngx_string("scanner"),
    ngx_string("data_bomb"),
    ngx_string("overlimit_res"),
    ngx_string("infoleak"),
    ngx_string("vpatch"),
    ngx_null_string
};


ngx_int_t
ngx_http_wallarm_websocket_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_wallarm_websocket_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_wallarm_websocket_type(u_char *type)
{
    ngx_uint_t  i;

    for (i = 1; ngx_http_wallarm_websocket_types[i].len; i++) {
        if (ngx_strcmp(type, ngx_http_wallarm_websocket_types[i].data) == 0) {
            return i;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_wallarm_websocket_type_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t                             len;
    u_char                            *p;
    ngx_str_t                         *type;
    ngx_uint_t                         i;
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    if (ctx == NULL || ctx->types == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    len = 0;

    for (i = 0; ngx_http_wallarm_websocket_types[i].len; i++) {
        if (ctx->types & ((ngx_uint_t) 1 << i)) {
            len += ngx_http_wallarm_websocket_types[i].len + 1;
        }
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    for (i = 0; ngx_http_wallarm_websocket_types[i].len; i++) {
        type = &ngx_http_wallarm_websocket_types[i];

        if (ctx->types & ((ngx_uint_t) 1 << i)) {
            p = ngx_cpymem(p, type->data, type->len);
            *p++ = ',';
        }
    }

    v->len = len - 1;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_wallarm_websocket_mode_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_wallarm_websocket_loc_conf_t  *wlcf;

    static ngx_str_t  modes[] = {
        ngx_string("off"), ngx_string("monitoring"), ngx_string("block")
    };

    wlcf = ngx_http_wallarm_websocket_get_conf(r, 0);

    ngx_http_wallarm_websocket_set(v, &modes[wlcf->parse ? wlcf->mode : 0]);

    return NGX_OK;
}


static ngx_int_t
ngx_http_wallarm_websocket_count_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%uD",
                         *(uint32_t *) ((u_char *) ctx + data))
             - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_wallarm_websocket_verdict_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_uint_t                         i;
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    static ngx_str_t  verdicts[] = {
        ngx_string("allow"), ngx_string("uninspected"), ngx_string("attack"),
        ngx_string("discard"), ngx_string("drop"), ngx_string("refuse")
    };

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    i = ctx->refused ? 5
        : ctx->dropping ? 4
        : ctx->discarded ? 3
        : ctx->types ? 2
        : ctx->uninspected ? 1 : 0;

    ngx_http_wallarm_websocket_set(v, &verdicts[i]);

    return NGX_OK;
}


static void
ngx_http_wallarm_websocket_set(ngx_http_variable_value_t *v, ngx_str_t *value)
{
    v->data = value->data;
    v->len = value->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}

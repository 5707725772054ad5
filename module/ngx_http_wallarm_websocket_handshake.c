
/*
 * The opening handshake.  The preaccess handler refuses what would reach the
 * backend without passing the tap; the header filter sees the 101, lets the
 * engine check it, and taps the connection.
 */


#include "ngx_http_wallarm_websocket.h"


static ngx_int_t ngx_http_wallarm_websocket_preaccess_handler(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_wallarm_websocket_header_filter(
    ngx_http_request_t *r);
static void ngx_http_wallarm_websocket_cleanup(void *data);
static ngx_int_t ngx_http_wallarm_websocket_refuse(ngx_http_request_t *r);
static ngx_uint_t ngx_http_wallarm_websocket_is_websocket(ngx_str_t *token);
static void ngx_http_wallarm_websocket_hide_upgrade(ngx_http_request_t *r);


typedef struct {
    ngx_str_t  token;
    ngx_int_t  status;   /* where the engine does not say it */
} ngx_http_wallarm_websocket_violation_t;


/* by _hs_e */

static ngx_http_wallarm_websocket_violation_t
    ngx_http_wallarm_websocket_violations[] =
{
    { ngx_string("handshake_body"), NGX_HTTP_BAD_REQUEST },
    { ngx_string("handshake_http_version"), NGX_HTTP_BAD_REQUEST },
    { ngx_string("handshake_upgrade_not_websocket"), NGX_HTTP_BAD_GATEWAY },
    { ngx_string("handshake_origin_denied"), NGX_HTTP_FORBIDDEN },
    { ngx_string("handshake_subprotocol_denied"), NGX_HTTP_FORBIDDEN },
    { ngx_string("handshake_extension_denied"), NGX_HTTP_FORBIDDEN },
    { ngx_string("handshake_too_many_connections"),
      NGX_HTTP_TOO_MANY_REQUESTS },
    { ngx_string("handshake_token_expired"), NGX_HTTP_FORBIDDEN },
    { ngx_string("handshake_connection"), NGX_DECLINED },
    { ngx_string("handshake_early_data"), NGX_DECLINED }
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


ngx_int_t
ngx_http_wallarm_websocket_handshake_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_wallarm_websocket_preaccess_handler;

    if (ngx_http_wallarm_websocket_fallback_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_wallarm_websocket_header_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_wallarm_websocket_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t                               rc;
    ngx_str_t                               upgrade, key;
    ngx_uint_t                              body;
    ngx_http_wallarm_websocket_ctx_t       *ctx;
    ngx_http_wallarm_websocket_loc_conf_t  *wlcf;

    ctx = ngx_http_wallarm_websocket_get_ctx(r);
    wlcf = ngx_http_wallarm_websocket_get_conf(r, ctx == NULL);

    if (!wlcf->parse
        || wlcf->mode == NGX_HTTP_WALLARM_WEBSOCKET_OFF
        || r != r->main)
    {
        return NGX_DECLINED;
    }

    if (ctx && (ctx->answered || ctx->refused
                || ctx->wait == ngx_http_wallarm_websocket_head))
    {
        /* the verdict of the head came later, or an error page is shown */
        return ngx_http_wallarm_websocket_request(r, wlcf);
    }

    body = (r->headers_in.content_length_n > 0 || r->headers_in.chunked);

    if (r->headers_in.upgrade == NULL && !body) {
        return ngx_http_wallarm_websocket_request(r, wlcf);
    }

    ngx_str_null(&upgrade);
    ngx_str_null(&key);

    if (ngx_http_wallarm_websocket_header(r->pool, &r->headers_in.headers,
                                          "upgrade", &upgrade)
        != NGX_OK
        || ngx_http_wallarm_websocket_header(r->pool, &r->headers_in.headers,
                                             "sec-websocket-key", &key)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->headers_in.upgrade) {
        rc = ngx_http_wallarm_websocket_ban(r, wlcf);

        if (rc != NGX_DECLINED) {
            ngx_http_wallarm_websocket_hide_upgrade(r);
            return rc;
        }
    }

    /* with a key it is a handshake whatever "Upgrade" says: the configuration
       may send another one */

    if (body
        && (key.data || ngx_http_wallarm_websocket_is_websocket(&upgrade)))
    {
        /* NGINX sends it to the backend before the 101, where it may be taken
           for frames */

        rc = ngx_http_wallarm_websocket_violate(r, wlcf,
                                          ngx_http_wallarm_websocket_hs_body);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (r->headers_in.upgrade == NULL) {
        return ngx_http_wallarm_websocket_request(r, wlcf);
    }

    if (r->http_version >= NGX_HTTP_VERSION_20) {

        /* older NGINX would write tunnelled bytes into the multiplexed
           connection, so there is nothing to let pass in monitoring */

        (void) ngx_http_wallarm_websocket_violate(r, wlcf,
                                  ngx_http_wallarm_websocket_hs_http_version);
        return NGX_HTTP_BAD_REQUEST;
    }

    if (!ngx_http_wallarm_websocket_is_websocket(&upgrade)) {

        if (wlcf->mode == NGX_HTTP_WALLARM_WEBSOCKET_MONITORING) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "wallarm: \"Upgrade: %V\" passes uninspected",
                          &upgrade);
            return ngx_http_wallarm_websocket_request(r, wlcf);
        }

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "wallarm: \"Upgrade: %V\" hidden from the upstream",
                      &upgrade);

        ngx_http_wallarm_websocket_hide_upgrade(r);

        return ngx_http_wallarm_websocket_request(r, wlcf);
    }

    rc = ngx_http_wallarm_websocket_offer(r, wlcf);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_wallarm_websocket_expired(r, wlcf);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_wallarm_websocket_connections(r, wlcf);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (!ngx_http_wallarm_websocket_bridge_ready()) {

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "wallarm: the inspection library is not loaded, "
                      "websocket connection %s",
                      wlcf->fail_open ? "passes uninspected" : "refused");

        if (wlcf->fail_open) {
            return NGX_DECLINED;
        }

        ngx_http_wallarm_websocket_status_refused(wlcf, 0, "engine");
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    return ngx_http_wallarm_websocket_request(r, wlcf);
}


static ngx_int_t
ngx_http_wallarm_websocket_header_filter(ngx_http_request_t *r)
{
    ngx_int_t                                rc;
    ngx_list_t                              *in, *out;
    ngx_pool_t                              *pool;
    ngx_http_wallarm_websocket_ctx_t        *ctx;
    ngx_http_wallarm_websocket_result_t      res;
    ngx_http_wallarm_websocket_loc_conf_t   *wlcf;
    ngx_http_wallarm_websocket_handshake_t   hs;

    /* r->headers_out may have the status of an error_page instead of the 101;
       1.31's CONNECT tunnel has "upgrade" set with status 200 */

    if (r != r->main
        || r->upstream == NULL
        || r->upstream->headers_in.status_n != NGX_HTTP_SWITCHING_PROTOCOLS)
    {
        return ngx_http_next_header_filter(r);
    }

    wlcf = ngx_http_wallarm_websocket_get_conf(r, 0);

    if (!wlcf->parse
        || wlcf->mode == NGX_HTTP_WALLARM_WEBSOCKET_OFF)
    {
        return ngx_http_next_header_filter(r);
    }

    if (!r->upstream->upgrade) {

        /* nobody asked for it: the client would take for a tunnel what to
           NGINX is a response without an end.  Or it was refused, and this is
           the answer to that */

        if (r->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS) {
            return ngx_http_next_header_filter(r);
        }

        if (ngx_http_wallarm_websocket_violate(r, wlcf,
                                        ngx_http_wallarm_websocket_hs_upgrade)
            != NGX_DECLINED)
        {
            return ngx_http_wallarm_websocket_refuse(r);
        }

        ctx = ngx_http_wallarm_websocket_get_ctx(r);
        ngx_http_wallarm_websocket_uninspected(ctx,
                                 NGX_HTTP_WALLARM_WEBSOCKET_REASON_HANDSHAKE);

        return ngx_http_next_header_filter(r);
    }

    if (r->header_in->pos < r->header_in->last
        && ngx_http_wallarm_websocket_violate(r, wlcf,
                                     ngx_http_wallarm_websocket_hs_early_data)
           != NGX_DECLINED)
    {
        return ngx_http_wallarm_websocket_refuse(r);
    }

    ctx = ngx_http_wallarm_websocket_create_ctx(r, wlcf);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (!ngx_http_wallarm_websocket_bridge_ready()) {
        ngx_http_wallarm_websocket_status_connection(ctx);
        ngx_http_wallarm_websocket_uninspected(ctx,
                                    NGX_HTTP_WALLARM_WEBSOCKET_REASON_ENGINE);
        return ngx_http_next_header_filter(r);
    }

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        /* it went to the backend before the 101 */
        ngx_http_wallarm_websocket_uninspected(ctx,
                                 NGX_HTTP_WALLARM_WEBSOCKET_REASON_HANDSHAKE);
    }

    ngx_memzero(&hs, sizeof(ngx_http_wallarm_websocket_handshake_t));

    hs.method = r->method_name;
    hs.target = r->unparsed_uri;
    hs.protocol = r->http_protocol;

    pool = r->pool;
    in = &r->headers_in.headers;
    out = &r->upstream->headers_in.headers;

#define HEADER(list, name, field)                                             \
    (ngx_http_wallarm_websocket_header(pool, list, name, &hs.field) != NGX_OK)

    if (HEADER(in, "sec-websocket-key", key)
        || HEADER(in, "sec-websocket-version", version)
        || HEADER(in, "sec-websocket-protocol", subprotocols)
        || HEADER(in, "sec-websocket-extensions", extensions)
        || HEADER(out, "upgrade", upgrade)
        || HEADER(out, "sec-websocket-accept", accept)
        || HEADER(out, "sec-websocket-protocol", subprotocol)
        || HEADER(out, "sec-websocket-extensions", answered_extensions))
    {
        return NGX_ERROR;
    }

#undef HEADER

    ngx_http_wallarm_websocket_rules(wlcf, &hs.rules);
    hs.cookie = ctx->cookie;

    ctx->session = ngx_http_wallarm_websocket_bridge_open(&hs, &res);

    if (ctx->session == 0) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "wallarm: the inspection engine failed, websocket "
                      "connection %s",
                      wlcf->fail_open ? "passes uninspected" : "refused");

        if (!wlcf->fail_open) {
            ngx_http_wallarm_websocket_status_refused(wlcf, 0, "engine");
            return ngx_http_wallarm_websocket_refuse(r);
        }

        ngx_http_wallarm_websocket_status_connection(ctx);
        ngx_http_wallarm_websocket_uninspected(ctx,
                                    NGX_HTTP_WALLARM_WEBSOCKET_REASON_ENGINE);

        return ngx_http_next_header_filter(r);
    }

    if (res.events) {
        ngx_http_wallarm_websocket_events(ctx);
    }

    if (res.status == NGX_HTTP_WALLARM_WEBSOCKET_DROP) {
        ctx->refused = 1;
        ngx_http_wallarm_websocket_status_refused(wlcf, 0, NULL);
        return ngx_http_wallarm_websocket_refuse(r);
    }

    ngx_http_wallarm_websocket_status_connection(ctx);

    if (res.status != NGX_HTTP_WALLARM_WEBSOCKET_PASS) {
        ngx_http_wallarm_websocket_uninspected(ctx,
                                 NGX_HTTP_WALLARM_WEBSOCKET_REASON_HANDSHAKE);
        return ngx_http_next_header_filter(r);
    }

    ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].held =
                          (hs.rules.mode[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT]
                           == NGX_HTTP_WALLARM_WEBSOCKET_BLOCK);
    ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER].held =
                          (hs.rules.mode[NGX_HTTP_WALLARM_WEBSOCKET_SERVER]
                           == NGX_HTTP_WALLARM_WEBSOCKET_BLOCK);

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (ngx_http_wallarm_websocket_tap(ctx) != NGX_OK
        || ngx_http_wallarm_websocket_age(ctx) != NGX_OK
        || ngx_http_wallarm_websocket_pace(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->began = ngx_current_msec;

    ngx_http_wallarm_websocket_connection_event(ctx, 0);

    ngx_http_wallarm_websocket_control_add(ctx);

    return rc;
}


ngx_http_wallarm_websocket_ctx_t *
ngx_http_wallarm_websocket_create_ctx(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    ngx_pool_cleanup_t                *cln;
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    if (ctx && ctx->session == 0) {
        /* of the request's head */
        ctx->conf = wlcf;
        ctx->http = 0;
        ngx_http_set_ctx(r, ctx, ngx_http_wallarm_websocket_module);
        return ctx;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    /* from the pool it could cost an idle connection one more 4k block */

    ctx = ngx_calloc(sizeof(ngx_http_wallarm_websocket_ctx_t),
                     r->connection->log);
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->conf = wlcf;

    if (ngx_http_wallarm_websocket_register(ctx) != NGX_OK) {
        ngx_free(ctx);
        return NULL;
    }

    cln->handler = ngx_http_wallarm_websocket_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_wallarm_websocket_module);

    return ctx;
}


void
ngx_http_wallarm_websocket_rules(ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_rules_t *rules)
{
    rules->policy = wlcf->policy ? wlcf->policy->number : 0;
    rules->mode[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT] = wlcf->mode;
    rules->mode[NGX_HTTP_WALLARM_WEBSOCKET_SERVER] =
                                     wlcf->parse_response
                                     ? ngx_min(wlcf->mode, wlcf->response_mode)
                                     : NGX_HTTP_WALLARM_WEBSOCKET_OFF;
    rules->threshold = wlcf->threshold;
    rules->time_limit = wlcf->time_limit;
    rules->limit_block = wlcf->limit_block;
    rules->close_code = wlcf->close_code;
    rules->drop_message = (wlcf->action
                           == NGX_HTTP_WALLARM_WEBSOCKET_DROP_MESSAGE);
    rules->log_payload = wlcf->log_payload;
    rules->limits = wlcf->limits;
}


static void
ngx_http_wallarm_websocket_cleanup(void *data)
{
    ngx_http_wallarm_websocket_ctx_t  *ctx = data;

    ngx_http_wallarm_websocket_status_closed(ctx);
    ngx_http_wallarm_websocket_control_remove(ctx);

    if (ctx->began) {
        ngx_http_wallarm_websocket_connection_event(ctx, 1);
    }

    ngx_http_wallarm_websocket_untap(ctx);
    ngx_http_wallarm_websocket_unregister(ctx);
}


ngx_http_wallarm_websocket_ctx_t *
ngx_http_wallarm_websocket_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t                *cln;
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_wallarm_websocket_module);

    if (ctx || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_wallarm_websocket_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


/*
 * The engine says what follows from a violation that the module sees, and
 * writes the event.  NGX_DECLINED, or the status to refuse the handshake with.
 */

ngx_int_t
ngx_http_wallarm_websocket_violate(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_hs_e what)
{
    uint64_t                                 session, saved;
    ngx_int_t                                status;
    ngx_http_wallarm_websocket_ctx_t        *ctx;
    ngx_http_wallarm_websocket_head_t        head;
    ngx_http_wallarm_websocket_result_t      res;
    ngx_http_wallarm_websocket_loc_conf_t   *conf;
    ngx_http_wallarm_websocket_violation_t  *v;

    v = &ngx_http_wallarm_websocket_violations[what];

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_wallarm_websocket_create_ctx(r, wlcf);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if ((ctx->raised & (1 << what))
        && wlcf->mode == NGX_HTTP_WALLARM_WEBSOCKET_MONITORING)
    {
        /* before an internal redirect */
        return NGX_DECLINED;
    }

    ctx->raised |= 1 << what;

    head.method = r->method_name;
    head.target = r->unparsed_uri;
    head.headers = &r->headers_in.headers;
    head.cookie = ctx->cookie;

    ngx_http_wallarm_websocket_rules(wlcf, &head.rules);

    if (what == ngx_http_wallarm_websocket_hs_http_version) {
        head.rules.mode[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT] =
                                              NGX_HTTP_WALLARM_WEBSOCKET_BLOCK;
    }

    session = ngx_http_wallarm_websocket_bridge_ready()
              ? ngx_http_wallarm_websocket_bridge_violate(&head, &v->token,
                                                     &res, r->connection->log)
              : 0;

    if (session) {

        /* the context's own session may wait for a body */

        saved = ctx->session;
        conf = ctx->conf;

        ctx->session = session;
        ctx->conf = wlcf;

        ngx_http_wallarm_websocket_events(ctx);
        (void) ngx_http_wallarm_websocket_bridge_close(session, NULL);

        ctx->session = saved;
        ctx->conf = conf;
        ctx->offence = 0;

        status = res.status == NGX_HTTP_WALLARM_WEBSOCKET_DROP
                 ? (ngx_int_t) res.close_code : NGX_DECLINED;

    } else {
        status = head.rules.mode[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT]
                 == NGX_HTTP_WALLARM_WEBSOCKET_BLOCK
                 ? v->status : NGX_DECLINED;

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "wallarm: handshake violation %V %s, the inspection "
                      "engine cannot log it",
                      &v->token, status == NGX_DECLINED ? "monitored"
                                                        : "blocked");
    }

    if (status != NGX_DECLINED) {
        ctx->refused = 1;

        ngx_http_wallarm_websocket_status_refused(wlcf, 0,
                                                  (char *) v->token.data);

        /* no error page's upstream shall answer it with a 101 */
        ngx_http_wallarm_websocket_hide_upgrade(r);
    }

    return status;
}


/* instead of the 101 */

static ngx_int_t
ngx_http_wallarm_websocket_refuse(ngx_http_request_t *r)
{
    ngx_http_clean_header(r);

    r->upstream->upgrade = 0;

    return NGX_HTTP_BAD_GATEWAY;
}


static ngx_uint_t
ngx_http_wallarm_websocket_is_websocket(ngx_str_t *token)
{
    return token->len == sizeof("websocket") - 1
           && ngx_strncasecmp(token->data, (u_char *) "websocket",
                              sizeof("websocket") - 1)
              == 0;
}


/* $http_upgrade becomes empty, so that proxy_set_header sends nothing; the
   header keeps its hash and is not passed along with the others either */

static void
ngx_http_wallarm_websocket_hide_upgrade(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("upgrade") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "upgrade",
                                   sizeof("upgrade") - 1)
                   == 0)
            {
                h[i].value.len = 0;
            }
        }
    }

    r->headers_in.upgrade = NULL;

    ngx_http_wallarm_websocket_forget_variable(r, "http_upgrade");
}


/* what the rewrite module evaluated before is not what proxy_set_header sends */

void
ngx_http_wallarm_websocket_forget_variable(ngx_http_request_t *r,
    const char *name)
{
    size_t                      len;
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    len = ngx_strlen(name);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (v[i].name.len == len
            && ngx_strncmp(v[i].name.data, name, len) == 0)
        {
            r->variables[i].valid = 0;
            r->variables[i].not_found = 0;
        }
    }
}


/* repeated lines are joined, as RFC 9110 5.3 allows; there may be many */

ngx_int_t
ngx_http_wallarm_websocket_header(ngx_pool_t *pool, ngx_list_t *headers,
    const char *name, ngx_str_t *value)
{
    size_t            len, name_len;
    u_char           *p;
    ngx_uint_t        i, n, join;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    name_len = ngx_strlen(name);
    p = NULL;

    for (join = 0; join < 2; join++) {

        n = 0;
        len = 0;

        for (part = &headers->part; part; part = part->next) {
            h = part->elts;

            for (i = 0; i < part->nelts; i++) {

                if (h[i].hash == 0
                    || h[i].key.len != name_len
                    || ngx_strncasecmp(h[i].key.data, (u_char *) name,
                                       name_len)
                       != 0)
                {
                    continue;
                }

                if (join) {

                    if (n) {
                        *p++ = ',';
                        *p++ = ' ';
                    }

                    p = ngx_cpymem(p, h[i].value.data, h[i].value.len);

                } else if (n == 0) {
                    *value = h[i].value;
                }

                len += (n ? sizeof(", ") - 1 : 0) + h[i].value.len;
                n++;
            }
        }

        if (n < 2) {
            return NGX_OK;
        }

        if (!join) {
            p = ngx_pnalloc(pool, len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            value->data = p;
            value->len = len;
        }
    }

    return NGX_OK;
}

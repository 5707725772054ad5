
/*
 * The event log: one JSON line and one error_log line per event.  The engine
 * writes the bytes, NGINX's own file does the rest: reopen, owner, labels.
 */


#include "ngx_http_wallarm_websocket.h"


#define NGX_HTTP_WALLARM_WEBSOCKET_EVENT_LOG  "websocket_attacks.json"


static void ngx_http_wallarm_websocket_write_event(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_event_t *event, ngx_log_t *log);


char *
ngx_http_wallarm_websocket_event_log(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    ngx_str_t   path, *value;

    if (wlcf->event_log != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    path = value[1];

    if (ngx_strcmp(path.data, "off") == 0) {
        wlcf->event_log = NULL;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(path.data, "syslog:", sizeof("syslog:") - 1) == 0) {
        return "does not support syslog";
    }

    wlcf->event_log = ngx_conf_open_file(cf->cycle, &path);
    if (wlcf->event_log == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* logs/ under the prefix; distributions have none, and there it is where the
   access log is */

ngx_open_file_t *
ngx_http_wallarm_websocket_default_event_log(ngx_conf_t *cf)
{
    size_t            len;
    u_char           *p;
    ngx_str_t         path;
    ngx_file_info_t   fi;

    ngx_str_set(&path, "logs");

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NULL;
    }

    if (ngx_file_info(path.data, &fi) == NGX_FILE_ERROR
        && ngx_errno == NGX_ENOENT)
    {
        ngx_str_set(&path, NGX_HTTP_LOG_PATH);

        while (path.len && path.data[path.len - 1] != '/') {
            path.len--;
        }

    } else {
        ngx_str_set(&path, "logs/");
    }

    len = path.len + sizeof(NGX_HTTP_WALLARM_WEBSOCKET_EVENT_LOG);

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NULL;
    }

    ngx_sprintf(p, "%V%s%Z", &path, NGX_HTTP_WALLARM_WEBSOCKET_EVENT_LOG);

    path.data = p;
    path.len = len - 1;

    return ngx_conf_open_file(cf->cycle, &path);
}


/* what only NGINX knows; meta->request is the caller's to ngx_free() */

ngx_int_t
ngx_http_wallarm_websocket_meta(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_meta_t *meta)
{
    size_t                      len;
    u_char                     *p;
    ngx_uint_t                  i;
    ngx_list_part_t            *part;
    ngx_table_elt_t            *h;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_core_srv_conf_t   *cscf;
    ngx_http_variable_value_t  *vv;

    static u_char               local[NGX_SOCKADDR_STRLEN];

    r = ctx->request;
    c = r->connection;

    ngx_memzero(meta, sizeof(ngx_http_wallarm_websocket_meta_t));

    /* r->request_line is emptied before the request is freed */

    len = r->method_name.len + 1 + r->unparsed_uri.len + 1
          + r->http_protocol.len + 2;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            len += h[i].key.len + 2 + h[i].value.len + 2;
        }
    }

    p = ngx_alloc(len, c->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    meta->request.data = p;

    p = ngx_cpymem(p, r->method_name.data, r->method_name.len);
    *p++ = ' ';
    p = ngx_cpymem(p, r->unparsed_uri.data, r->unparsed_uri.len);
    *p++ = ' ';
    p = ngx_cpymem(p, r->http_protocol.data, r->http_protocol.len);
    *p++ = CR; *p++ = LF;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            p = ngx_cpymem(p, h[i].key.data, h[i].key.len);
            *p++ = ':'; *p++ = ' ';
            p = ngx_cpymem(p, h[i].value.data, h[i].value.len);
            *p++ = CR; *p++ = LF;
        }
    }

    meta->request.len = p - meta->request.data;

    meta->remote_addr = c->addr_text;
    meta->remote_port = ngx_inet_get_port(c->sockaddr);

    if (ngx_connection_local_sockaddr(c, NULL, 0) == NGX_OK) {
        meta->local_addr.data = local;
        meta->local_addr.len = ngx_sock_ntop(c->local_sockaddr,
                                             c->local_socklen, local,
                                             NGX_SOCKADDR_STRLEN, 0);
        meta->local_port = ngx_inet_get_port(c->local_sockaddr);
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    meta->server_name = cscf->server_name;

    /* of a request that is being freed only what was evaluated before */

    vv = r->pool ? ngx_http_get_indexed_variable(r, ctx->conf->request_id)
                 : &r->variables[ctx->conf->request_id];

    if (vv && vv->valid) {
        meta->request_id.data = vv->data;
        meta->request_id.len = vv->len;
    }

    meta->remote_user = r->headers_in.user;
    meta->connection_id = c->number;

#if (NGX_HTTP_SSL)
    meta->tls = (c->ssl != NULL);
#endif

    return NGX_OK;
}


void
ngx_http_wallarm_websocket_events(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_log_t                           *log;
    ngx_http_wallarm_websocket_meta_t    meta;
    ngx_http_wallarm_websocket_event_t   event;

    log = ctx->request->connection->log;

    if (ngx_http_wallarm_websocket_meta(ctx, &meta) != NGX_OK) {
        ngx_memzero(&meta, sizeof(ngx_http_wallarm_websocket_meta_t));
    }

    ngx_http_wallarm_websocket_status_events();

    while (ngx_http_wallarm_websocket_bridge_event(ctx->session, &meta, &event,
                                                   log)
           == NGX_OK)
    {
        if (event.attack
            && event.action != NGX_HTTP_WALLARM_WEBSOCKET_IGNORED)
        {
            ctx->types |= 1u << ngx_http_wallarm_websocket_type(event.type);
        }

        ngx_http_wallarm_websocket_status_event(ctx->conf, &event);

        ngx_http_wallarm_websocket_write_event(ctx->conf, &event, log);
    }

    if (meta.request.data) {
        ngx_free(meta.request.data);
    }
}


/* of a context whose request is gone */

void
ngx_http_wallarm_websocket_orphan_events(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_log_t *log)
{
    ngx_http_wallarm_websocket_event_t  event;

    while (ngx_http_wallarm_websocket_bridge_event(ctx->session, NULL, &event,
                                                   log)
           == NGX_OK)
    {
        ngx_http_wallarm_websocket_status_event(ctx->conf, &event);
        ngx_http_wallarm_websocket_write_event(ctx->conf, &event, log);
    }
}


static void
ngx_http_wallarm_websocket_write_event(
    ngx_http_wallarm_websocket_loc_conf_t *wlcf,
    ngx_http_wallarm_websocket_event_t *event, ngx_log_t *log)
{
    time_t          now;
    ssize_t         n;
    ngx_uint_t      level;

    static time_t   said;

    level = NGX_LOG_WARN;

    if (event->action == NGX_HTTP_WALLARM_WEBSOCKET_IGNORED) {
        level = NGX_LOG_INFO;
    }

    ngx_log_error(level, log, 0, "%V", &event->text);

    if (wlcf->event_log == NULL) {
        return;
    }

    /* one write() of a file opened with O_APPEND: lines of several workers
       do not mix */

    n = ngx_write_fd(wlcf->event_log->fd, event->line.data, event->line.len);

    if (n == (ssize_t) event->line.len) {
        ngx_http_wallarm_websocket_status_add(NULL,
                                  NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS, 1);
        return;
    }

    ngx_http_wallarm_websocket_status_add(NULL,
                          NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_DROPPED, 1);

    now = ngx_time();

    if (now - said > 59) {
        ngx_log_error(NGX_LOG_ALERT, log, n == -1 ? ngx_errno : 0,
                      ngx_write_fd_n " to \"%V\" was incomplete: %z of %uz",
                      &wlcf->event_log->name, n, event->line.len);
        said = now;
    }
}

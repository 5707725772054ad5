
/*
 * The event logs: a JSON line in each that takes the event, and one error_log
 * line.  The engine writes the bytes, NGINX's own files and syslog do the rest:
 * reopen, owner, labels.
 */


#include "ngx_http_wallarm_websocket.h"


#define NGX_HTTP_WALLARM_WEBSOCKET_EVENT_LOG  "websocket_attacks.json"

/* bytes of payload in a line */
#define NGX_HTTP_WALLARM_WEBSOCKET_PAYLOAD      8192
#define NGX_HTTP_WALLARM_WEBSOCKET_MAX_PAYLOAD  (1024 * 1024)

/* how long the lines of a sample are counted, seconds */
#define NGX_HTTP_WALLARM_WEBSOCKET_SAMPLE_TIME  60

/* how long a failure is not said again, ms */
#define NGX_HTTP_WALLARM_WEBSOCKET_QUIET        60000


static ngx_http_wallarm_websocket_log_t *ngx_http_wallarm_websocket_add_log(
    ngx_conf_t *cf, ngx_array_t **logs);
static char *ngx_http_wallarm_websocket_log_parameter(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_log_t *log, ngx_str_t *value);
static ngx_int_t ngx_http_wallarm_websocket_datasets(ngx_str_t *list,
    ngx_uint_t *datasets);
static void ngx_http_wallarm_websocket_write_events(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_meta_t *meta, ngx_log_t *log);
static void ngx_http_wallarm_websocket_write_line(
    ngx_http_wallarm_websocket_log_t *el, ngx_str_t *line, ngx_log_t *log);
static ssize_t ngx_http_wallarm_websocket_append_line(
    ngx_http_wallarm_websocket_log_t *el, ngx_str_t *line);
static ssize_t ngx_http_wallarm_websocket_send_line(
    ngx_http_wallarm_websocket_log_t *el, ngx_str_t *line, ngx_uint_t quiet);
static void ngx_http_wallarm_websocket_free_shm(void *data);
static ngx_uint_t ngx_http_wallarm_websocket_torn(ngx_open_file_t *file);
static void ngx_http_wallarm_websocket_sampled(void);
static void ngx_http_wallarm_websocket_summary_handler(ngx_event_t *ev);


static ngx_conf_bitmask_t  ngx_http_wallarm_websocket_dataset_names[] = {
    { ngx_string("attack"), NGX_HTTP_WALLARM_WEBSOCKET_DATASET_ATTACK },
    { ngx_string("ignored"), NGX_HTTP_WALLARM_WEBSOCKET_DATASET_IGNORED },
    { ngx_string("violation"), NGX_HTTP_WALLARM_WEBSOCKET_DATASET_VIOLATION },
    { ngx_string("connection"), NGX_HTTP_WALLARM_WEBSOCKET_DATASET_CONNECTION },
    { ngx_null_string, 0 }
};


/* takes nothing: what is said in error_log is said all the same */
static ngx_http_wallarm_websocket_log_t  ngx_http_wallarm_websocket_no_log;

static ngx_event_t                       summary_event;
static ngx_connection_t                  summary_connection;
static ngx_uint_t                        sampled;


char *
ngx_http_wallarm_websocket_event_log(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    char                              *rv;
    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_wallarm_websocket_log_t  *log;

    value = cf->args->elts;

    if (wlcf->event_logs == NULL) {
        return "is duplicate with \"off\"";
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (wlcf->event_logs != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }

        if (cf->args->nelts > 2) {
            return "\"off\" takes no parameters";
        }

        wlcf->event_logs = NULL;

        return NGX_CONF_OK;
    }

    if (ngx_http_wallarm_websocket_once(cf, 2) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    log = ngx_http_wallarm_websocket_add_log(cf, &wlcf->event_logs);
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_wallarm_websocket_log_parameter(cf, log, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (ngx_strncmp(value[1].data, "syslog:", sizeof("syslog:") - 1) == 0) {

        log->syslog = ngx_pcalloc(cf->pool, sizeof(ngx_syslog_peer_t));
        if (log->syslog == NULL) {
            return NGX_CONF_ERROR;
        }

        /* that writes into the value */

        log->name.len = value[1].len;
        log->name.data = ngx_pstrdup(cf->pool, &value[1]);
        if (log->name.data == NULL) {
            return NGX_CONF_ERROR;
        }

        return ngx_syslog_process_conf(cf, log->syslog);
    }

    log->file = ngx_conf_open_file(cf->cycle, &value[1]);
    if (log->file == NULL) {
        return NGX_CONF_ERROR;
    }

    log->name = log->file->name;

    return NGX_CONF_OK;
}


static ngx_http_wallarm_websocket_log_t *
ngx_http_wallarm_websocket_add_log(ngx_conf_t *cf, ngx_array_t **logs)
{
    ngx_wallarm_websocket_conf_t       *wcf;
    ngx_http_wallarm_websocket_log_t   *log, **p;

    if (*logs == NGX_CONF_UNSET_PTR) {
        *logs = ngx_array_create(cf->pool, 2,
                                 sizeof(ngx_http_wallarm_websocket_log_t *));
        if (*logs == NULL) {
            return NULL;
        }
    }

    log = ngx_pcalloc(cf->pool, sizeof(ngx_http_wallarm_websocket_log_t));
    if (log == NULL) {
        return NULL;
    }

    p = ngx_array_push(*logs);
    if (p == NULL) {
        return NULL;
    }

    *p = log;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cf->cycle->conf_ctx, ngx_wallarm_websocket_module);

    p = ngx_array_push(&wcf->logs);
    if (p == NULL) {
        return NULL;
    }

    *p = log;

    log->id = wcf->logs.nelts;
    log->payload = NGX_HTTP_WALLARM_WEBSOCKET_PAYLOAD;
    log->datasets = NGX_HTTP_WALLARM_WEBSOCKET_DATASET_ATTACK
                    |NGX_HTTP_WALLARM_WEBSOCKET_DATASET_IGNORED
                    |NGX_HTTP_WALLARM_WEBSOCKET_DATASET_VIOLATION;

    return log;
}


static char *
ngx_http_wallarm_websocket_log_parameter(ngx_conf_t *cf,
    ngx_http_wallarm_websocket_log_t *log, ngx_str_t *value)
{
    ssize_t    size;
    ngx_int_t  n;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "payload=", 8) == 0) {

        s.data = value->data + 8;
        s.len = value->len - 8;

        if (ngx_strcmp(s.data, "none") == 0) {
            log->payload = 0;
            return NGX_CONF_OK;
        }

        if (ngx_strcmp(s.data, "full") == 0) {
            log->payload = NGX_HTTP_WALLARM_WEBSOCKET_MAX_PAYLOAD;
            return NGX_CONF_OK;
        }

        size = ngx_parse_size(&s);

        if (size == NGX_ERROR || size == 0
            || size > NGX_HTTP_WALLARM_WEBSOCKET_MAX_PAYLOAD)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid payload \"%V\", it must be \"none\", "
                               "\"full\", or a size of at most 1m", &s);
            return NGX_CONF_ERROR;
        }

        log->payload = size;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "sample=", 7) == 0) {

        s.data = value->data + 7;
        s.len = value->len - 7;

        n = s.len > 2 && ngx_strcmp(s.data + s.len - 2, "/m") == 0
            ? ngx_atoi(s.data, s.len - 2) : NGX_ERROR;

        if (n == NGX_ERROR || n == 0 || n > 1000000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid sample \"%V\", it must be a number of "
                               "lines a minute, as \"10/m\"", &s);
            return NGX_CONF_ERROR;
        }

        log->sample = n;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "datasets=", 9) == 0) {

        s.data = value->data + 9;
        s.len = value->len - 9;

        if (ngx_http_wallarm_websocket_datasets(&s, &log->datasets) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid datasets \"%V\", they must be some of "
                               "attack,ignored,violation,connection", &s);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "format=ecs") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "format=", 7) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown format \"%s\", there is \"ecs\"",
                           value->data + 7);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);
    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_wallarm_websocket_datasets(ngx_str_t *list, ngx_uint_t *datasets)
{
    size_t               len;
    u_char              *p, *end, *last;
    ngx_conf_bitmask_t  *name;

    *datasets = 0;
    last = list->data + list->len;

    for (p = list->data; ; p = end + 1) {

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        len = end - p;

        for (name = ngx_http_wallarm_websocket_dataset_names;
             name->name.len;
             name++)
        {
            if (name->name.len == len
                && ngx_strncmp(name->name.data, p, len) == 0)
            {
                break;
            }
        }

        if (name->name.len == 0 || (*datasets & name->mask)) {
            return NGX_ERROR;
        }

        *datasets |= name->mask;

        if (end == last) {
            return NGX_OK;
        }
    }
}


size_t
ngx_http_wallarm_websocket_log_payload(ngx_array_t *logs)
{
    size_t                              most;
    ngx_uint_t                          i;
    ngx_http_wallarm_websocket_log_t  **log;

    most = 0;

    if (logs) {
        log = logs->elts;

        for (i = 0; i < logs->nelts; i++) {
            most = ngx_max(most, log[i]->payload);
        }
    }

    return most;
}


/* logs/ under the prefix; distributions have none, and there it is where the
   access log is */

ngx_int_t
ngx_http_wallarm_websocket_default_event_log(ngx_conf_t *cf,
    ngx_array_t **logs)
{
    size_t                             len;
    u_char                            *p;
    ngx_str_t                          path;
    ngx_file_info_t                    fi;
    ngx_http_wallarm_websocket_log_t  *log;

    ngx_str_set(&path, "logs");

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_ERROR;
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
        return NGX_ERROR;
    }

    ngx_sprintf(p, "%V%s%Z", &path, NGX_HTTP_WALLARM_WEBSOCKET_EVENT_LOG);

    path.data = p;
    path.len = len - 1;

    log = ngx_http_wallarm_websocket_add_log(cf, logs);
    if (log == NULL) {
        return NGX_ERROR;
    }

    log->file = ngx_conf_open_file(cf->cycle, &path);
    if (log->file == NULL) {
        return NGX_ERROR;
    }

    log->name = log->file->name;

    return NGX_OK;
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
    ngx_http_wallarm_websocket_meta_t  meta;

    if (ngx_http_wallarm_websocket_meta(ctx, &meta) != NGX_OK) {
        ngx_memzero(&meta, sizeof(ngx_http_wallarm_websocket_meta_t));
    }

    ngx_http_wallarm_websocket_status_events();

    ngx_http_wallarm_websocket_write_events(ctx, &meta,
                                            ctx->request->connection->log);

    if (meta.request.data) {
        ngx_free(meta.request.data);
    }
}


/* of a context whose request is gone */

void
ngx_http_wallarm_websocket_orphan_events(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_log_t *log)
{
    ngx_http_wallarm_websocket_write_events(ctx, NULL, log);
}


static void
ngx_http_wallarm_websocket_write_events(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_meta_t *meta, ngx_log_t *log)
{
    ngx_uint_t                            i, n, level;
    ngx_http_wallarm_websocket_log_t     *none, **logs;
    ngx_http_wallarm_websocket_event_t    event;

    none = &ngx_http_wallarm_websocket_no_log;

    if (ctx->conf->event_logs && ctx->conf->event_logs->nelts) {
        logs = ctx->conf->event_logs->elts;
        n = ctx->conf->event_logs->nelts;

    } else {
        logs = &none;
        n = 1;
    }

    for ( ;; ) {

        for (i = 0; i < n; i++) {

            if (ngx_http_wallarm_websocket_bridge_event(ctx->session, meta,
                                                        logs[i], &event, log)
                != NGX_OK)
            {
                return;
            }

            if (i == 0) {
                level = NGX_LOG_WARN;

                if (event.action == NGX_HTTP_WALLARM_WEBSOCKET_IGNORED) {
                    level = NGX_LOG_INFO;

                } else if (event.attack) {
                    ctx->attacks++;
                    ctx->types |= 1u
                                  << ngx_http_wallarm_websocket_type(event.type);
                }

                /* that memory is short is nobody's fault */

                if (event.action == NGX_HTTP_WALLARM_WEBSOCKET_BLOCKED
                    && ngx_strcmp(event.type, "memory_exhausted") != 0)
                {
                    ctx->offence = 1;
                }

                ngx_http_wallarm_websocket_status_event(ctx->conf, &event);

                ngx_log_error(level, log, 0, "%V", &event.text);
            }

            if (event.sampled) {
                ngx_http_wallarm_websocket_status_add(NULL,
                          NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_SAMPLED, 1);
                ngx_http_wallarm_websocket_sampled();
            }

            if (event.line.len) {
                ngx_http_wallarm_websocket_write_line(logs[i], &event.line,
                                                      log);
            }
        }

        ngx_http_wallarm_websocket_bridge_event_done(ctx->session);
    }
}


/* a connection begins, or ends */

void
ngx_http_wallarm_websocket_connection_event(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t ended)
{
    ngx_log_t                            *log;
    ngx_str_t                             line;
    ngx_uint_t                            i, n;
    ngx_http_wallarm_websocket_log_t    **logs;
    ngx_http_wallarm_websocket_meta_t     meta;
    ngx_http_wallarm_websocket_traffic_t  traffic;

    if (ctx->conf->event_logs == NULL || ctx->session == 0) {
        return;
    }

    logs = ctx->conf->event_logs->elts;
    n = ctx->conf->event_logs->nelts;

    for (i = 0; i < n; i++) {
        if (logs[i]->datasets & NGX_HTTP_WALLARM_WEBSOCKET_DATASET_CONNECTION) {
            break;
        }
    }

    if (i == n) {
        return;
    }

    log = ctx->request->connection->log;

    if (ngx_http_wallarm_websocket_meta(ctx, &meta) != NGX_OK) {
        return;
    }

    traffic.duration = ngx_current_msec - ctx->began;
    traffic.bytes[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT] =
                         ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].received;
    traffic.bytes[NGX_HTTP_WALLARM_WEBSOCKET_SERVER] =
                         ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER].received;
    traffic.attacks = ctx->attacks;

    if (ngx_http_wallarm_websocket_bridge_connection(ctx->session, &meta,
                                      ended ? &traffic : NULL, &line, log)
        == NGX_OK)
    {
        for ( /* void */ ; i < n; i++) {
            if (logs[i]->datasets
                & NGX_HTTP_WALLARM_WEBSOCKET_DATASET_CONNECTION)
            {
                ngx_http_wallarm_websocket_write_line(logs[i], &line, log);
            }
        }
    }

    ngx_free(meta.request.data);
}


static void
ngx_http_wallarm_websocket_write_line(ngx_http_wallarm_websocket_log_t *el,
    ngx_str_t *line, ngx_log_t *log)
{
    ssize_t     n;
    ngx_err_t   err;
    ngx_uint_t  quiet;

    quiet = el->said != 0
            && ngx_current_msec - el->said < NGX_HTTP_WALLARM_WEBSOCKET_QUIET;

    n = el->syslog ? ngx_http_wallarm_websocket_send_line(el, line, quiet)
                   : ngx_http_wallarm_websocket_append_line(el, line);

    if (n == (ssize_t) line->len) {
        ngx_http_wallarm_websocket_status_add(NULL,
                                  NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS
                                  + (el->syslog != NULL), 1);
        return;
    }

    ngx_http_wallarm_websocket_status_add(NULL,
                             NGX_HTTP_WALLARM_WEBSOCKET_COUNT_EVENTS_DROPPED
                             + (el->syslog != NULL), 1);

    err = n == -1 ? ngx_errno : 0;

    if (!quiet) {
        ngx_log_error(NGX_LOG_ALERT, log, err,
                      "wallarm: %s to \"%V\" was incomplete: %z of %uz",
                      el->syslog ? "send()" : ngx_write_fd_n, &el->name, n,
                      line->len);
        el->said = ngx_max(ngx_current_msec, 1);
    }
}


/* one write() to a file opened with O_APPEND: lines of several workers do not
   mix.  A line that a full disk cut is ended before the next one, whichever
   worker writes that */

static ssize_t
ngx_http_wallarm_websocket_append_line(ngx_http_wallarm_websocket_log_t *el,
    ngx_str_t *line)
{
    ssize_t          n;
    struct iovec     iov[2];
    ngx_file_info_t  fi;

    static u_char  lf = LF;

    /* nobody may read a pipe; USR1 may have opened another one */

    if (ngx_fd_info(el->file->fd, &fi) != NGX_FILE_ERROR
        && S_ISFIFO(fi.st_mode)
        && ngx_nonblocking(el->file->fd) == -1)
    {
        return NGX_ERROR;
    }

    if (*el->torn && ngx_atomic_cmp_set(el->torn, 1, 0)) {
        iov[0].iov_base = &lf;
        iov[0].iov_len = 1;
        iov[1].iov_base = line->data;
        iov[1].iov_len = line->len;

        n = writev(el->file->fd, iov, 2);

        if (n < 1) {
            *el->torn = 1;
            return n;
        }

        n--;

    } else {
        n = ngx_write_fd(el->file->fd, line->data, line->len);
    }

    if (n > 0 && n < (ssize_t) line->len) {
        *el->torn = 1;
    }

    return n;
}


static ssize_t
ngx_http_wallarm_websocket_send_line(ngx_http_wallarm_websocket_log_t *el,
    ngx_str_t *line, ngx_uint_t quiet)
{
    size_t           size;
    ssize_t          n;
    u_char          *p;
    ngx_log_t       *log;
    ngx_uint_t       level;

    static u_char   *buf;
    static size_t    buf_size;

    size = sizeof("<255>Jan 01 00:00:00 ") - 1 + ngx_cycle->hostname.len + 1
           + el->syslog->tag.len + 2 + line->len;

    if (size > buf_size) {
        p = ngx_alloc(size, ngx_cycle->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (buf) {
            ngx_free(buf);
        }

        buf = p;
        buf_size = size;
    }

    p = ngx_syslog_add_header(el->syslog, buf);
    p = ngx_cpymem(p, line->data, line->len - 1);

    /* NGINX says of each send() and connect() that it failed */

#if (nginx_version >= 1023004)
    log = el->syslog->log.handler ? &el->syslog->log : el->syslog->logp;
#else
    log = ngx_cycle->log;
#endif

    level = log->log_level;

    if (quiet) {
        log->log_level = NGX_LOG_STDERR;
    }

    n = ngx_syslog_send(el->syslog, buf, p - buf);

    log->log_level = level;

    return n == p - buf ? (ssize_t) line->len : n;
}


/* before the workers start: what of the files they have to know of each other */

ngx_int_t
ngx_http_wallarm_websocket_event_logs_init(ngx_cycle_t *cycle)
{
    ngx_shm_t                          *shm;
    ngx_uint_t                          i, j;
    ngx_atomic_t                       *torn;
    ngx_pool_cleanup_t                 *cln;
    ngx_wallarm_websocket_conf_t       *wcf;
    ngx_http_wallarm_websocket_log_t  **logs;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cycle->conf_ctx, ngx_wallarm_websocket_module);

    if (wcf->logs.nelts == 0) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(cycle->pool, sizeof(ngx_shm_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    shm = cln->data;

    shm->size = wcf->logs.nelts * sizeof(ngx_atomic_t);
    ngx_str_set(&shm->name, "wallarm_event_log");
    shm->log = cycle->log;

    if (ngx_shm_alloc(shm) != NGX_OK) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_wallarm_websocket_free_shm;

    torn = (ngx_atomic_t *) shm->addr;
    logs = wcf->logs.elts;

    for (i = 0; i < wcf->logs.nelts; i++) {

        if (logs[i]->file == NULL) {
            continue;
        }

        for (j = 0; logs[j]->file != logs[i]->file; j++) { /* void */ }

        logs[i]->torn = &torn[j];

        if (j == i) {
            torn[i] = ngx_http_wallarm_websocket_torn(logs[i]->file);
        }
    }

    return NGX_OK;
}


static void
ngx_http_wallarm_websocket_free_shm(void *data)
{
    ngx_shm_free(data);
}


/* whether it ends inside a line: then of an older configuration, or because
   the machine went down */

static ngx_uint_t
ngx_http_wallarm_websocket_torn(ngx_open_file_t *file)
{
    u_char           last;
    ngx_fd_t         fd;
    ngx_uint_t       torn;
    ngx_file_info_t  fi;

    /* the descriptor is for writing only, and may be that of a device */

    if (ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi) || ngx_file_size(&fi) == 0)
    {
        return 0;
    }

    fd = ngx_open_file(file->name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    torn = pread(fd, &last, 1, ngx_file_size(&fi) - 1) == 1 && last != LF;

    (void) ngx_close_file(fd);

    return torn;
}


/* what a sample holds back is told when its minute has passed */

static void
ngx_http_wallarm_websocket_sampled(void)
{
    sampled = 1;

    if (summary_event.timer_set) {
        return;
    }

    summary_connection.fd = (ngx_socket_t) -1;
    summary_event.data = &summary_connection;
    summary_event.handler = ngx_http_wallarm_websocket_summary_handler;
    summary_event.log = ngx_cycle->log;
    summary_event.cancelable = 1;

    ngx_add_timer(&summary_event, NGX_HTTP_WALLARM_WEBSOCKET_SAMPLE_TIME * 1000);
}


static void
ngx_http_wallarm_websocket_summary_handler(ngx_event_t *ev)
{
    ngx_uint_t  again;

    again = sampled;
    sampled = 0;

    ngx_http_wallarm_websocket_summaries((ngx_cycle_t *) ngx_cycle, 0);

    if (again) {
        /* what was held back meanwhile is due then */
        ngx_add_timer(ev, NGX_HTTP_WALLARM_WEBSOCKET_SAMPLE_TIME * 1000);
    }
}


void
ngx_http_wallarm_websocket_summaries(ngx_cycle_t *cycle, ngx_uint_t all)
{
    ngx_str_t                           line;
    ngx_uint_t                          i;
    ngx_wallarm_websocket_conf_t       *wcf;
    ngx_http_wallarm_websocket_log_t  **logs;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cycle->conf_ctx, ngx_wallarm_websocket_module);

    logs = wcf->logs.elts;

    for (i = 0; i < wcf->logs.nelts; i++) {

        if (logs[i]->sample == 0) {
            continue;
        }

        while (ngx_http_wallarm_websocket_bridge_summary(logs[i], all, &line,
                                                         cycle->log)
               == NGX_OK)
        {
            ngx_http_wallarm_websocket_write_line(logs[i], &line, cycle->log);
        }
    }
}


/*
 * The open connections of all workers in shared memory, the location that
 * lists them, and commands to close them: they are marked there, and their
 * workers look for marks when the number of commands has changed.
 */


#include "ngx_http_wallarm_websocket.h"


#define NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_SIZE      (4 * 1024 * 1024)
#define NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_INTERVAL  500

/* what is listed at once, and the longest of one */
#define NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_LIST      1000
#define NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_LINE      2048

/* what of them is kept */
#define NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_URI       128
#define NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_KEY       96


struct ngx_http_wallarm_websocket_live_s {
    ngx_queue_t                   queue;     /* the oldest first */
    ngx_atomic_uint_t             id;
    ngx_atomic_uint_t             generation;
    ngx_pid_t                     pid;
    ngx_uint_t                    close;     /* code, 0: none */
    time_t                        began;
    ngx_atomic_uint_t             messages;
    ngx_atomic_uint_t             bytes;
    ngx_atomic_uint_t             attacks;
    u_char                        client_len;
    u_char                        uri_len;
    u_char                        client[NGX_SOCKADDR_STRLEN];
    u_char                        uri[NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_URI];
    size_t                        key_len;   /* 0: none */
    uint32_t                      key_hash;
    u_char                        key[NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_KEY];
};


struct ngx_http_wallarm_websocket_lives_s {
    ngx_queue_t                   queue;
    ngx_atomic_uint_t             id;        /* the last given */
    ngx_atomic_uint_t             generation; /* of the configuration */
    ngx_atomic_t                  commands;
    ngx_atomic_uint_t             unlisted;  /* no room for them */
};


static ngx_int_t ngx_http_wallarm_websocket_control_init_zone(
    ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_http_wallarm_websocket_control_handler(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_wallarm_websocket_control_key(
    ngx_http_request_t *r, ngx_str_t *key);
static ngx_uint_t ngx_http_wallarm_websocket_control_is(
    ngx_http_wallarm_websocket_live_t *live, ngx_str_t *key, uint32_t hash);
static u_char *ngx_http_wallarm_websocket_control_text(u_char *dst,
    u_char *src, size_t len);
static ngx_int_t ngx_http_wallarm_websocket_control_send(
    ngx_http_request_t *r, ngx_buf_t *b);
static void ngx_http_wallarm_websocket_control_timer(ngx_event_t *ev);


/* of this worker */
static ngx_queue_t        lives = { &lives, &lives };
static ngx_event_t        timer;
static ngx_atomic_uint_t  seen;


char *
ngx_http_wallarm_websocket_control(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t                      name;
    ngx_shm_zone_t                *shm_zone;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_wallarm_websocket_conf_t  *wcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_wallarm_websocket_control_handler) {
        return "is duplicate";
    }

    clcf->handler = ngx_http_wallarm_websocket_control_handler;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(cf->cycle->conf_ctx, ngx_wallarm_websocket_module);

    if (wcf->control) {
        return NGX_CONF_OK;
    }

    ngx_str_set(&name, "wallarm_control");

    /* its size is the same in any configuration, or a reload would lose it */

    shm_zone = ngx_shared_memory_add(cf, &name,
                                     NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_SIZE,
                                     &lives);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    shm_zone->init = ngx_http_wallarm_websocket_control_init_zone;
    shm_zone->data = wcf;

    wcf->control = shm_zone;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_wallarm_websocket_control_init_zone(ngx_shm_zone_t *shm_zone,
    void *data)
{
    ngx_slab_pool_t                     *shpool;
    ngx_wallarm_websocket_conf_t        *wcf;
    ngx_http_wallarm_websocket_lives_t  *sh;

    wcf = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    sh = shpool->data;

    if (data == NULL) {

        sh = ngx_slab_calloc(shpool,
                             sizeof(ngx_http_wallarm_websocket_lives_t));
        if (sh == NULL) {
            return NGX_ERROR;
        }

        ngx_queue_init(&sh->queue);

        shpool->data = sh;
        shpool->log_nomem = 0;
    }

    wcf->generation = ++sh->generation;

    return NGX_OK;
}


/* a connection is tapped */

void
ngx_http_wallarm_websocket_control_add(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_str_t                           *uri, key;
    ngx_slab_pool_t                     *shpool;
    ngx_connection_t                    *c;
    ngx_wallarm_websocket_conf_t        *wcf;
    ngx_http_wallarm_websocket_live_t   *live;
    ngx_http_wallarm_websocket_lives_t  *sh;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(ngx_cycle->conf_ctx, ngx_wallarm_websocket_module);

    if (wcf->control == NULL) {
        return;
    }

    shpool = (ngx_slab_pool_t *) wcf->control->shm.addr;
    sh = shpool->data;

    c = ctx->request->connection;
    uri = &ctx->request->uri;

    if (ctx->conf->control_key == NULL
        || ngx_http_complex_value(ctx->request, ctx->conf->control_key, &key)
           != NGX_OK)
    {
        ngx_str_null(&key);
    }

    ngx_shmtx_lock(&shpool->mutex);

    live = ngx_slab_calloc_locked(shpool,
                                  sizeof(ngx_http_wallarm_websocket_live_t));
    if (live == NULL) {
        sh->unlisted++;
        ngx_shmtx_unlock(&shpool->mutex);
        return;
    }

    live->id = ++sh->id;
    live->generation = wcf->generation;
    live->pid = ngx_pid;
    live->began = ngx_time();

    live->client_len = (u_char) ngx_min(c->addr_text.len,
                                        NGX_SOCKADDR_STRLEN);
    ngx_memcpy(live->client, c->addr_text.data, live->client_len);

    live->uri_len = (u_char) ngx_min(uri->len,
                                     NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_URI);
    ngx_memcpy(live->uri, uri->data, live->uri_len);

    live->key_len = key.len;
    live->key_hash = ngx_crc32_long(key.data, key.len);
    ngx_memcpy(live->key, key.data,
               ngx_min(key.len, NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_KEY));

    ngx_queue_insert_tail(&sh->queue, &live->queue);

    ngx_shmtx_unlock(&shpool->mutex);

    ctx->live = live;
    ngx_queue_insert_tail(&lives, &ctx->lives);

    if (!timer.timer_set) {
        timer.handler = ngx_http_wallarm_websocket_control_timer;
        timer.data = wcf->control;
        timer.log = ngx_cycle->log;
        timer.cancelable = 1;

        ngx_add_timer(&timer, NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_INTERVAL);
    }
}


void
ngx_http_wallarm_websocket_control_remove(
    ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_slab_pool_t               *shpool;
    ngx_wallarm_websocket_conf_t  *wcf;

    if (ctx->live == NULL) {
        return;
    }

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(ngx_cycle->conf_ctx, ngx_wallarm_websocket_module);

    shpool = (ngx_slab_pool_t *) wcf->control->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    ngx_queue_remove(&ctx->live->queue);
    ngx_slab_free_locked(shpool, ctx->live);

    ngx_shmtx_unlock(&shpool->mutex);

    ctx->live = NULL;
    ngx_queue_remove(&ctx->lives);
}


/* only the connection's worker writes these */

void
ngx_http_wallarm_websocket_control_count(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_result_t *res)
{
    if (ctx->live) {
        ctx->live->messages += res->messages;
        ctx->live->bytes += res->bytes;
        ctx->live->attacks = ctx->attacks;
    }
}


static void
ngx_http_wallarm_websocket_control_timer(ngx_event_t *ev)
{
    ngx_uint_t                           code;
    ngx_queue_t                         *q, *next;
    ngx_shm_zone_t                      *shm_zone;
    ngx_slab_pool_t                     *shpool;
    ngx_atomic_uint_t                    commands;
    ngx_http_wallarm_websocket_ctx_t    *ctx;
    ngx_http_wallarm_websocket_lives_t  *sh;

    shm_zone = ev->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    sh = shpool->data;

    commands = sh->commands;

    if (commands != seen) {

        seen = commands;

        for (q = ngx_queue_head(&lives);
             q != ngx_queue_sentinel(&lives);
             q = next)
        {
            next = ngx_queue_next(q);
            ctx = ngx_queue_data(q, ngx_http_wallarm_websocket_ctx_t, lives);
            code = ctx->live->close;

            if (code && !ctx->dropping && ctx->upstream
                && ctx->upstream->peer.connection)
            {
                ngx_http_wallarm_websocket_drop(ctx, code);
            }
        }
    }

    if (!ngx_queue_empty(&lives)) {
        ngx_add_timer(ev, NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_INTERVAL);
    }
}


static ngx_int_t
ngx_http_wallarm_websocket_control_handler(ngx_http_request_t *r)
{
    size_t                               size;
    uint32_t                             hash;
    ngx_buf_t                           *b;
    ngx_int_t                            rc, id;
    ngx_str_t                            arg, client, key;
    ngx_uint_t                           i, n, total, older, get;
    ngx_queue_t                         *q;
    ngx_slab_pool_t                     *shpool;
    ngx_wallarm_websocket_conf_t        *wcf;
    ngx_http_wallarm_websocket_live_t   *live, *copy;
    ngx_http_wallarm_websocket_lives_t  *sh;

    get = r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD);

    if (!get && !(r->method & (NGX_HTTP_POST|NGX_HTTP_DELETE))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(ngx_cycle->conf_ctx, ngx_wallarm_websocket_module);

    shpool = (ngx_slab_pool_t *) wcf->control->shm.addr;
    sh = shpool->data;

    id = 0;
    older = 0;
    ngx_str_null(&client);

    if (ngx_http_arg(r, (u_char *) "id", 2, &arg) == NGX_OK) {
        id = ngx_atoi(arg.data, arg.len);

        if (id <= 0) {
            return NGX_HTTP_BAD_REQUEST;
        }
    }

    if (ngx_http_arg(r, (u_char *) "client", 6, &client) == NGX_OK
        && client.len == 0)
    {
        return NGX_HTTP_BAD_REQUEST;
    }

    rc = ngx_http_wallarm_websocket_control_key(r, &key);

    if (rc != NGX_OK) {
        return rc;
    }

    hash = ngx_crc32_long(key.data, key.len);

    if (ngx_http_arg(r, (u_char *) "older", 5, &arg) == NGX_OK) {

        if (arg.len != 1 || arg.data[0] != '1') {
            return NGX_HTTP_BAD_REQUEST;
        }

        older = 1;
    }

    if (!get && !id && !client.len && !key.len && !older) {
        /* not all of them by mistake */
        return NGX_HTTP_BAD_REQUEST;
    }

    copy = NULL;

    if (get) {
        copy = ngx_palloc(r->pool, NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_LIST
                                  * sizeof(ngx_http_wallarm_websocket_live_t));
        if (copy == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    n = 0;
    total = 0;

    ngx_shmtx_lock(&shpool->mutex);

    for (q = ngx_queue_head(&sh->queue);
         q != ngx_queue_sentinel(&sh->queue);
         q = ngx_queue_next(q))
    {
        live = ngx_queue_data(q, ngx_http_wallarm_websocket_live_t, queue);

        if ((id && live->id != (ngx_atomic_uint_t) id)
            || (client.len
                && (client.len != live->client_len
                    || ngx_memcmp(client.data, live->client, client.len) != 0))
            || (key.len
                && !ngx_http_wallarm_websocket_control_is(live, &key, hash))
            || (older && live->generation >= wcf->generation))
        {
            continue;
        }

        total++;

        if (!get) {
            live->close = older ? NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_RESTART
                                : NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_POLICY;

        } else if (n < NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_LIST) {
            copy[n++] = *live;
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (!get) {
        (void) ngx_atomic_fetch_add(&sh->commands, 1);
    }

    size = 256 + n * NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_LINE;

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!get) {
        b->last = ngx_sprintf(b->last, "{\"closing\":%ui}\n", total);
        return ngx_http_wallarm_websocket_control_send(r, b);
    }

    b->last = ngx_sprintf(b->last, "{\"total\":%ui,\"unlisted\":%uA,"
                          "\"connections\":[", total, sh->unlisted);

    for (i = 0; i < n; i++) {
        live = &copy[i];

        b->last = ngx_sprintf(b->last, "%s\n{\"id\":%uA,\"pid\":%P,"
                              "\"client\":\"%*s\",\"uri\":\"",
                              i ? "," : "", live->id, live->pid,
                              (size_t) live->client_len, live->client);
        b->last = ngx_http_wallarm_websocket_control_text(b->last, live->uri,
                                                          live->uri_len);

        if (live->key_len) {
            b->last = ngx_sprintf(b->last, "\",\"key\":\"");
            b->last = ngx_http_wallarm_websocket_control_text(b->last,
                          live->key,
                          ngx_min(live->key_len,
                                  NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_KEY));
        }

        b->last = ngx_sprintf(b->last, "\",\"older\":%s,\"age\":%T,"
                              "\"messages\":%uA,\"bytes\":%uA,"
                              "\"attacks\":%uA}",
                              live->generation < wcf->generation ? "true"
                                                                 : "false",
                              ngx_time() - live->began, live->messages,
                              live->bytes, live->attacks);
    }

    b->last = ngx_sprintf(b->last, "]}\n");

    return ngx_http_wallarm_websocket_control_send(r, b);
}


/* the argument; a key of no bytes: there is none */

static ngx_int_t
ngx_http_wallarm_websocket_control_key(ngx_http_request_t *r, ngx_str_t *key)
{
    u_char     *src, *dst;
    ngx_str_t   arg;

    ngx_str_null(key);

    if (ngx_http_arg(r, (u_char *) "key", 3, &arg) != NGX_OK) {
        return NGX_OK;
    }

    key->data = ngx_pnalloc(r->pool, arg.len);
    if (key->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    src = arg.data;
    dst = key->data;

    ngx_unescape_uri(&dst, &src, arg.len, 0);

    key->len = dst - key->data;

    return key->len ? NGX_OK : NGX_HTTP_BAD_REQUEST;
}


static ngx_uint_t
ngx_http_wallarm_websocket_control_is(ngx_http_wallarm_websocket_live_t *live,
    ngx_str_t *key, uint32_t hash)
{
    return live->key_len == key->len
           && live->key_hash == hash
           && ngx_memcmp(live->key, key->data,
                         ngx_min(key->len,
                                 NGX_HTTP_WALLARM_WEBSOCKET_CONTROL_KEY))
              == 0;
}


/* in a string of JSON; what is not UTF-8 would break it */

static u_char *
ngx_http_wallarm_websocket_control_text(u_char *dst, u_char *src, size_t len)
{
    u_char    *p, *last;
    uint32_t   u;

    last = src + len;

    while (src < last) {
        p = src;

        if (*src < 0x80) {
            src++;

        } else {
            u = ngx_utf8_decode(&src, last - src);

            if (u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff)) {
                src = p + 1;
                *dst++ = '?';
                continue;
            }
        }

        dst = (u_char *) ngx_escape_json(dst, p, src - p);
    }

    return dst;
}


static ngx_int_t
ngx_http_wallarm_websocket_control_send(ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* connections of workers that are gone without having said so */

void
ngx_http_wallarm_websocket_control_init(ngx_wallarm_websocket_conf_t *wcf)
{
    ngx_queue_t                         *q, *next;
    ngx_slab_pool_t                     *shpool;
    ngx_http_wallarm_websocket_live_t   *live;
    ngx_http_wallarm_websocket_lives_t  *sh;

    if (wcf->control == NULL) {
        return;
    }

    shpool = (ngx_slab_pool_t *) wcf->control->shm.addr;
    sh = shpool->data;

    seen = sh->commands;

    ngx_shmtx_lock(&shpool->mutex);

    for (q = ngx_queue_head(&sh->queue);
         q != ngx_queue_sentinel(&sh->queue);
         q = next)
    {
        next = ngx_queue_next(q);
        live = ngx_queue_data(q, ngx_http_wallarm_websocket_live_t, queue);

        if (kill(live->pid, 0) == -1 && ngx_errno == ESRCH) {
            ngx_queue_remove(q);
            ngx_slab_free_locked(shpool, live);
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);
}

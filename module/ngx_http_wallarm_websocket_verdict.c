
/*
 * What follows from a verdict: verdicts that come from off the event loop, and
 * the drop of a connection.
 */


#include "ngx_http_wallarm_websocket.h"

#include <ngx_channel.h>
#include <sys/eventfd.h>


/* how long a Close frame may wait for a frame boundary and room to be sent */
#define NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_TIMEOUT  1000

/* how long a worker that exits waits for verdicts */
#define NGX_HTTP_WALLARM_WEBSOCKET_DRAIN_TIMEOUT  1000


/*
 * The engine never sees a pointer.  A cookie is a slot's index and generation,
 * so that a verdict that comes too late finds nothing.
 */

typedef struct {
    ngx_http_wallarm_websocket_ctx_t  *ctx;
    uint32_t                           generation;
    uint32_t                           next;          /* in the free list */
} ngx_http_wallarm_websocket_slot_t;


static void ngx_http_wallarm_websocket_done_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_wallarm_websocket_done(ngx_cycle_t *cycle);
static void ngx_http_wallarm_websocket_free_ctx(
    ngx_http_wallarm_websocket_ctx_t *ctx);
static void ngx_http_wallarm_websocket_drop_timer_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_wallarm_websocket_sent(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction, ngx_buf_t *b);
static ngx_uint_t ngx_http_wallarm_websocket_boundary(
    ngx_http_wallarm_websocket_dir_t *d);
static void ngx_http_wallarm_websocket_drop_end(
    ngx_http_wallarm_websocket_ctx_t *ctx);
static void ngx_http_wallarm_websocket_reset(ngx_connection_t *c);


static ngx_http_wallarm_websocket_slot_t  *slots;
static uint32_t                            slots_n;
static uint32_t                            slots_free = NGX_MAX_UINT32_VALUE;

static int                                 wake_fd = -1;


ngx_int_t
ngx_http_wallarm_websocket_verdict_init(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf)
{
    ngx_str_t  *path;

    path = ngx_http_wallarm_websocket_bridge_path(cycle->pool, &wcf->library);
    if (path == NULL) {
        return NGX_ERROR;
    }

    wake_fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (wake_fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "wallarm: eventfd() failed");
        return NGX_ERROR;
    }

    /* a channel event is left alone at graceful exit, and works with any
       event method; a connection of ngx_get_connection() neither */

    if (ngx_add_channel_event(cycle, wake_fd, NGX_READ_EVENT,
                              ngx_http_wallarm_websocket_done_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_wallarm_websocket_bridge_load(path, wake_fd, wcf->threads,
                                               2 * wcf->memory, cycle->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_wallarm_websocket_init_policies(cycle, wcf);

    return NGX_OK;
}


/* a worker exits: what is being judged is waited for, so that it is logged */

void
ngx_http_wallarm_websocket_verdict_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t  n;

    if (!ngx_http_wallarm_websocket_bridge_ready()) {
        return;
    }

    /* what waited behind a verdict is judged next */

    do {
        n = ngx_http_wallarm_websocket_bridge_drain(
                                    NGX_HTTP_WALLARM_WEBSOCKET_DRAIN_TIMEOUT);

    } while (ngx_http_wallarm_websocket_done(cycle) && n == 0);

    ngx_http_wallarm_websocket_summaries(cycle, 1);

    if (n) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "wallarm: %ui websocket messages were not judged before "
                      "this worker exited", n);
    }
}


static void
ngx_http_wallarm_websocket_done_handler(ngx_event_t *ev)
{
    uint64_t  n;

    if (read(wake_fd, &n, sizeof(uint64_t)) == -1
        && ngx_errno != NGX_EAGAIN && ngx_errno != NGX_EINTR)
    {
        ngx_log_error(NGX_LOG_ALERT, ev->log, ngx_errno,
                      "wallarm: read() of eventfd failed");
    }

    (void) ngx_http_wallarm_websocket_done((ngx_cycle_t *) ngx_cycle);

    ngx_http_wallarm_websocket_reload_done(ngx_cycle->log);
}


/* returns how many verdicts there were */

static ngx_uint_t
ngx_http_wallarm_websocket_done(ngx_cycle_t *cycle)
{
    uint32_t                            i;
    ngx_uint_t                          n, pending;
    ngx_http_wallarm_websocket_ctx_t   *ctx;
    ngx_http_wallarm_websocket_done_t   done;

    for (n = 0; ngx_http_wallarm_websocket_bridge_poll(&done); n++) {

        i = (uint32_t) done.cookie;

        if (i >= slots_n || slots[i].generation != done.cookie >> 32) {
            continue;
        }

        ctx = slots[i].ctx;

        if (ctx->request == NULL) {

            ngx_http_wallarm_websocket_status_result(ctx, done.direction,
                                                     &done.result);
            ngx_http_wallarm_websocket_orphan_events(ctx, cycle->log);

            if (ngx_http_wallarm_websocket_bridge_close(ctx->session, NULL)
                == NGX_OK)
            {
                ngx_http_wallarm_websocket_free_ctx(ctx);
            }

            continue;
        }

        if (ctx->http) {
            ngx_http_wallarm_websocket_request_done(ctx, &done.result);
            continue;
        }

        pending = ctx->dir[done.direction].pending;
        ctx->dir[done.direction].pending = 0;

        ngx_http_wallarm_websocket_place(ctx);

        ngx_http_wallarm_websocket_limit_rate(ctx, done.direction, &done.result);
        ngx_http_wallarm_websocket_result(ctx, done.direction, &done.result);

        if (pending) {
            ngx_http_wallarm_websocket_wake(ctx);
        }
    }

    return n;
}


ngx_int_t
ngx_http_wallarm_websocket_register(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    uint32_t                            i, n;
    ngx_http_wallarm_websocket_slot_t  *p;

    if (slots_free == NGX_MAX_UINT32_VALUE) {

        n = slots_n ? 2 * slots_n : 64;

        p = ngx_calloc(n * sizeof(ngx_http_wallarm_websocket_slot_t),
                       ctx->request->connection->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (slots) {
            ngx_memcpy(p, slots,
                       slots_n * sizeof(ngx_http_wallarm_websocket_slot_t));
            ngx_free(slots);
        }

        for (i = n; i > slots_n; i--) {
            p[i - 1].next = slots_free;
            slots_free = i - 1;
        }

        slots = p;
        slots_n = n;
    }

    i = slots_free;
    slots_free = slots[i].next;

    slots[i].ctx = ctx;

    ctx->cookie = (uint64_t) slots[i].generation << 32 | i;

    return NGX_OK;
}


static void
ngx_http_wallarm_websocket_free_ctx(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    uint32_t  i;

    i = (uint32_t) ctx->cookie;

    ngx_http_wallarm_websocket_forget(ctx);

    slots[i].ctx = NULL;
    slots[i].generation++;
    slots[i].next = slots_free;
    slots_free = i;

    ngx_free(ctx);
}


/* the request is being freed; while a verdict is pending, the context stays as
   an orphan without a request */

void
ngx_http_wallarm_websocket_unregister(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_http_wallarm_websocket_meta_t  meta;

    if (ctx->session == 0
        || ngx_http_wallarm_websocket_bridge_close(ctx->session, NULL)
           == NGX_OK)
    {
        ngx_http_wallarm_websocket_free_ctx(ctx);
        return;
    }

    /* what it says will be logged with what is known of the request now */

    if (ngx_http_wallarm_websocket_meta(ctx, &meta) == NGX_OK) {
        (void) ngx_http_wallarm_websocket_bridge_close(ctx->session, &meta);
        ngx_free(meta.request.data);
    }

    ctx->request = NULL;
}


/* the engine failed in this session, "wallarm_fallback" decides */

void
ngx_http_wallarm_websocket_failed(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_uint_t                         i;
    ngx_http_wallarm_websocket_dir_t  *d;

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "wallarm: websocket inspection failed, %s",
                  ctx->conf->fail_open ? "the connection passes uninspected"
                                       : "the connection is dropped");

    if (!ctx->conf->fail_open) {
        ngx_http_wallarm_websocket_drop(ctx,
                              NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_INTERNAL_ERROR);
        return;
    }

    ngx_http_wallarm_websocket_uninspected(ctx,
                                    NGX_HTTP_WALLARM_WEBSOCKET_REASON_ENGINE);

    ngx_http_wallarm_websocket_unpace(ctx);

    for (i = 0; i < 2; i++) {
        d = &ctx->dir[i];

        if (d->timer && d->timer->timer_set) {
            ngx_del_timer(d->timer);
        }

        d->pending = 0;
        ngx_http_wallarm_websocket_blind(ctx, i);
    }

    ngx_http_wallarm_websocket_place(ctx);
    ngx_http_wallarm_websocket_wake(ctx);
}


/*
 * Begins a drop: nothing that was not released will be forwarded.  Both peers
 * get a Close frame as soon as what was sent to them ends with a frame.
 */

void
ngx_http_wallarm_websocket_drop(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t close_code)
{
    ngx_event_t                       *ev;
    ngx_http_wallarm_websocket_dir_t  *d;

    if (ctx->dropping) {
        return;
    }

    ctx->dropping = 1;
    ctx->close_code = close_code;

    ngx_http_wallarm_websocket_unpace(ctx);

    ngx_http_wallarm_websocket_status_dropped(ctx);
    ngx_http_wallarm_websocket_place(ctx);

    ngx_http_wallarm_websocket_discard(ctx,
                                       NGX_HTTP_WALLARM_WEBSOCKET_CLIENT);
    ngx_http_wallarm_websocket_discard(ctx,
                                       NGX_HTTP_WALLARM_WEBSOCKET_SERVER);

    d = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER];

    if (d->timer && d->timer->timer_set) {
        ngx_del_timer(d->timer);
    }

    if (ctx->conf->action == NGX_HTTP_WALLARM_WEBSOCKET_RESET
        && ctx->upstream->peer.connection)
    {
        ngx_http_wallarm_websocket_drop_end(ctx);
        ngx_http_wallarm_websocket_wake(ctx);
        return;
    }

    ev = ngx_http_wallarm_websocket_timer(ctx,
                                NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                                ngx_http_wallarm_websocket_drop_timer_handler);
    if (ev) {
        ngx_add_timer(ev, NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_TIMEOUT);
    }

    ngx_http_wallarm_websocket_wake(ctx);
}


/* 1: NGINX will finalize as soon as the relay loop is left */

ngx_uint_t
ngx_http_wallarm_websocket_drop_finish(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_http_upstream_t               *u;
    ngx_http_wallarm_websocket_dir_t  *s;

    u = ctx->upstream;
    s = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER];

    if (!ngx_http_wallarm_websocket_sent(ctx,
                               NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                               &u->from_client)
        || !ngx_http_wallarm_websocket_sent(ctx,
                               NGX_HTTP_WALLARM_WEBSOCKET_SERVER, &u->buffer)
        || (!ngx_http_wallarm_websocket_boundary(s) && !s->opaque))
    {
        return 0;
    }

    ngx_http_wallarm_websocket_drop_end(ctx);

    return 1;
}


/* nothing that was released is on its way through NGINX */

static ngx_uint_t
ngx_http_wallarm_websocket_sent(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_buf_t *b)
{
    return b->pos == b->last
           && !ngx_http_wallarm_websocket_undelivered(&ctx->dir[direction]);
}


/* what was released ends with a frame */

static ngx_uint_t
ngx_http_wallarm_websocket_boundary(ngx_http_wallarm_websocket_dir_t *d)
{
    return !d->opaque && (d->held || d->need == 0);
}


static void
ngx_http_wallarm_websocket_drop_timer_handler(ngx_event_t *ev)
{
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    ctx = ev->data;

    if (ctx->dropped || ctx->upstream->peer.connection == NULL) {
        return;
    }

    ngx_http_wallarm_websocket_drop_end(ctx);
    ngx_http_wallarm_websocket_wake(ctx);
}


/* a Close frame to each peer that can take one, then NGINX finalizes */

static void
ngx_http_wallarm_websocket_drop_end(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    size_t                             n;
    u_char                            *p;
    uint32_t                           mask;
    ngx_str_t                         *reason;
    ngx_uint_t                         i, reset;
    ngx_event_t                       *ev;
    ngx_connection_t                  *c, *pc;
    ngx_http_request_t                *r;
    ngx_http_upstream_t               *u;
    ngx_http_wallarm_websocket_dir_t  *client, *server;

    u_char                             frame[NGX_HTTP_WALLARM_WEBSOCKET_CONTROL];

    r = ctx->request;
    c = r->connection;
    u = ctx->upstream;
    pc = u->peer.connection;

    client = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT];
    server = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER];

    reset = (ctx->conf->action == NGX_HTTP_WALLARM_WEBSOCKET_RESET);
    reason = &ctx->conf->close_reason;

    n = 2 + reason->len;

    if (!reset
        && ngx_http_wallarm_websocket_boundary(server)
        && ngx_http_wallarm_websocket_sent(ctx,
                              NGX_HTTP_WALLARM_WEBSOCKET_SERVER, &u->buffer))
    {
        /* FIN, opcode Close, length */

        frame[0] = 0x88;
        frame[1] = (u_char) n;
        frame[2] = (u_char) (ctx->close_code >> 8);
        frame[3] = (u_char) ctx->close_code;
        ngx_memcpy(&frame[4], reason->data, reason->len);

        (void) c->send(c, frame, 2 + n);
    }

    if (!reset
        && ngx_http_wallarm_websocket_boundary(client)
        && ngx_http_wallarm_websocket_sent(ctx,
                         NGX_HTTP_WALLARM_WEBSOCKET_CLIENT, &u->from_client))
    {
        mask = (uint32_t) ngx_random();
        p = &frame[6];

        frame[0] = 0x88;
        frame[1] = (u_char) (0x80 | n);
        ngx_memcpy(&frame[2], &mask, 4);
        p[0] = (u_char) (ctx->close_code >> 8);
        p[1] = (u_char) ctx->close_code;
        ngx_memcpy(&p[2], reason->data, reason->len);

        for (i = 0; i < n; i++) {
            p[i] ^= frame[2 + i % 4];
        }

        (void) pc->send(pc, frame, 6 + n);
    }

    ctx->dropped = 1;

    /* what could not be delivered in time will not be */

    client->release = client->pos;
    server->release = server->pos;

    ngx_http_wallarm_websocket_discard(ctx,
                                       NGX_HTTP_WALLARM_WEBSOCKET_CLIENT);
    ngx_http_wallarm_websocket_discard(ctx,
                                       NGX_HTTP_WALLARM_WEBSOCKET_SERVER);

    ev = client->timer;

    if (ev && ev->timer_set) {
        ngx_del_timer(ev);
    }

    pc->read->eof = 1;

    if (reset) {
        ngx_http_wallarm_websocket_reset(c);
        ngx_http_wallarm_websocket_reset(pc);

        /* no lingering */
        c->read->eof = 1;
        return;
    }

    /* with unread bytes behind it, a closing connection would be reset and
       the Close frame lost; an "eof" of the client would prevent lingering */

    r->lingering_close = 1;

    if (u->buffer.pos != u->buffer.last) {
        c->read->eof = 1;
    }
}


/* it will be closed by RST, and TLS says nothing before */

static void
ngx_http_wallarm_websocket_reset(ngx_connection_t *c)
{
    struct linger  linger;

#if (NGX_SSL)
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
    }
#endif

    linger.l_onoff = 1;
    linger.l_linger = 0;

    if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER,
                   (const void *) &linger, sizeof(struct linger))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, c->log, ngx_socket_errno,
                      "wallarm: setsockopt(SO_LINGER) failed");
    }
}


/*
 * Stands between an upgraded connection and its recv(), in both directions.
 * NGINX keeps its relay loop, flow control, timers, TLS and finalization; what
 * it is given to relay are only bytes that the engine has released.
 *
 * Runs inside ngx_http_upstream_process_upgraded().  It must never wait, and
 * must not touch rev->available, nor clear rev->ready unless it is sure to be
 * called again.
 */


#include "ngx_http_wallarm_websocket.h"


/* a held message is read in pieces of this size at least and at most */
#define NGX_HTTP_WALLARM_WEBSOCKET_READ_MIN  16384
#define NGX_HTTP_WALLARM_WEBSOCKET_READ_MAX  65536

/* reads in one turn of the event loop */
#define NGX_HTTP_WALLARM_WEBSOCKET_ROUNDS    64


static ssize_t ngx_http_wallarm_websocket_recv(ngx_connection_t *c, u_char *buf,
    size_t size);
static ssize_t ngx_http_wallarm_websocket_deliver(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction, u_char *buf,
    size_t size);
static ssize_t ngx_http_wallarm_websocket_recv_dropping(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction,
    ngx_connection_t *c, u_char *buf, size_t size);
static ngx_int_t ngx_http_wallarm_websocket_fed(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction,
    ngx_http_wallarm_websocket_result_t *res);
static ngx_int_t ngx_http_wallarm_websocket_stash(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction, u_char *p,
    size_t n);
static ngx_int_t ngx_http_wallarm_websocket_reserve(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction, size_t n);
static void ngx_http_wallarm_websocket_free(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction);
static void ngx_http_wallarm_websocket_deadline(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_uint_t direction,
    ngx_uint_t progress);
static void ngx_http_wallarm_websocket_deadline_handler(ngx_event_t *ev);



ngx_int_t
ngx_http_wallarm_websocket_tap(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    size_t                 n;
    ngx_buf_t             *b;
    ngx_connection_t      *c, *pc;
    ngx_http_request_t    *r;
    ngx_http_upstream_t   *u;

    r = ctx->request;
    c = r->connection;
    u = r->upstream;
    pc = u->peer.connection;

    ctx->upstream = u;

    ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].recv = c->recv;
    ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER].recv = pc->recv;

    /* frames that came with the request, or with the response, are relayed
       by NGINX without recv() */

    b = r->header_in;
    n = b->last - b->pos;

    if (n) {
        if (ngx_http_wallarm_websocket_stash(ctx,
                              NGX_HTTP_WALLARM_WEBSOCKET_CLIENT, b->pos, n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        b->pos = b->last;
        ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].received = n;

        c->read->ready = 1;
        ngx_post_event(c->read, &ngx_posted_events);
    }

    b = &u->buffer;
    n = b->last - b->pos;

    if (n) {
        if (ngx_http_wallarm_websocket_stash(ctx,
                              NGX_HTTP_WALLARM_WEBSOCKET_SERVER, b->pos, n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        b->last = b->pos;
        ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER].received = n;

        pc->read->ready = 1;
    }

    c->recv = ngx_http_wallarm_websocket_recv;
    pc->recv = ngx_http_wallarm_websocket_recv;

    return NGX_OK;
}


/* the request is being freed; the upstream connection is not touched.  What
   the engine keeps stays accounted for, it may be judged still */

void
ngx_http_wallarm_websocket_untap(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_uint_t                         i;
    ngx_connection_t                  *c;
    ngx_http_wallarm_websocket_dir_t  *d;

    c = ctx->request->connection;
    ctx->upstream = NULL;

    if (c->recv == ngx_http_wallarm_websocket_recv) {
        c->recv = ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].recv;
    }

    for (i = 0; i < 2; i++) {
        d = &ctx->dir[i];

        if (d->timer && d->timer->timer_set) {
            ngx_del_timer(d->timer);
        }

        ngx_http_wallarm_websocket_free(ctx, i);
    }

    if (ctx->age && ctx->age->timer_set) {
        ngx_del_timer(ctx->age);
    }

    ngx_http_wallarm_websocket_unpace(ctx);
}


/* the context is being freed */

void
ngx_http_wallarm_websocket_forget(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_uint_t  i;

    if (ctx->holding) {
        ngx_queue_remove(&ctx->holder);
        ctx->holding = 0;
    }

    for (i = 0; i < 2; i++) {
        ngx_http_wallarm_websocket_account(ctx, ctx->dir[i].decoded, 0);
    }
}


static ssize_t
ngx_http_wallarm_websocket_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t                                want;
    ssize_t                               n;
    ngx_uint_t                            rounds, direction;
    ngx_event_t                          *rev;
    ngx_http_request_t                   *r;
    ngx_http_wallarm_websocket_ctx_t     *ctx;
    ngx_http_wallarm_websocket_dir_t     *d;
    ngx_http_wallarm_websocket_result_t   res;

    r = c->data;
    r = r->main;
    rev = c->read;

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    direction = (c == r->connection) ? NGX_HTTP_WALLARM_WEBSOCKET_CLIENT
                                     : NGX_HTTP_WALLARM_WEBSOCKET_SERVER;
    d = &ctx->dir[direction];

    if (ctx->upstream->peer.connection == NULL) {
        /* lingering close */
        return d->recv(c, buf, size);
    }

    for (rounds = 0; /* void */ ; rounds++) {

        if (ctx->dropped) {
            return NGX_AGAIN;
        }

        n = ngx_http_wallarm_websocket_deliver(ctx, direction, buf, size);

        if (n) {
            /* to be called again after NGINX has sent these */
            rev->ready = 1;
            return n;
        }

        if (ctx->dropping) {
            return ngx_http_wallarm_websocket_recv_dropping(ctx, direction, c,
                                                            buf, size);
        }

        if (d->pending || d->paused) {
            /* by not reading, the peer is held back; a level-triggered method
               deletes the event of a ready connection */
            rev->ready = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? 0 : 1;
            return NGX_AGAIN;
        }

        if (d->last > d->fed) {
            ngx_http_wallarm_websocket_bridge_feed(ctx->session, direction,
                                                   d->buf + d->fed,
                                                   d->last - d->fed, &res);
            ngx_http_wallarm_websocket_limit_rate(ctx, direction, &res);

            if (ngx_http_wallarm_websocket_fed(ctx, direction, &res)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (rounds) {

            if (!rev->ready) {
                return NGX_AGAIN;
            }

            if (rounds > NGX_HTTP_WALLARM_WEBSOCKET_ROUNDS) {
                /* an event that is posted already would find it not ready */

                if (rev->posted) {
                    ngx_delete_posted_event(rev);
                }

                rev->ready = 0;
                ngx_post_event(rev, &ngx_posted_next_events);
                return NGX_AGAIN;
            }
        }

        if (d->last == d->pos) {

            n = d->recv(c, buf, size);

            if (n > 0) {
                d->received += n;
            }

            if (n > 0 && d->opaque) {
                ngx_http_wallarm_websocket_status_add(ctx->conf,
                    NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED_BYTES
                    + direction, n);
            }

            if (n <= 0 || d->opaque) {
                return n;
            }

            ngx_http_wallarm_websocket_bridge_feed(ctx->session, direction,
                                                   buf, n, &res);

            ngx_http_wallarm_websocket_limit_rate(ctx, direction, &res);

            /* the usual case: all may go, straight from NGINX's buffer */

            want = ngx_min(res.release, (size_t) n);

            if (res.status == NGX_HTTP_WALLARM_WEBSOCKET_OPAQUE
                || res.status == NGX_HTTP_WALLARM_WEBSOCKET_ERROR)
            {
                want = 0;
            }

            if ((size_t) n > want
                && ngx_http_wallarm_websocket_stash(ctx, direction, buf + want,
                                                    n - want)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

            res.consumed -= want;
            res.release -= want;

            if (ngx_http_wallarm_websocket_fed(ctx, direction, &res)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            if (!d->held && d->decoded) {
                (void) ngx_http_wallarm_websocket_over_budget(ctx, direction);
            }

            if (want) {
                if (ngx_http_wallarm_websocket_undelivered(d)
                    || d->last > d->fed)
                {
                    rev->ready = 1;
                }

                return want;
            }

            continue;
        }

        /* a message is being held: collect the rest of it */

        if (ngx_http_wallarm_websocket_over_budget(ctx, direction)) {

            if (!ctx->dropping) {
                rev->ready = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? 0 : 1;
                return NGX_AGAIN;
            }

            continue;
        }

        want = NGX_HTTP_WALLARM_WEBSOCKET_READ_MIN;

        if (d->need > want) {
            want = ngx_min(d->need, NGX_HTTP_WALLARM_WEBSOCKET_READ_MAX);
        }

        if (ngx_http_wallarm_websocket_reserve(ctx, direction, want)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        n = d->recv(c, d->buf + d->last, d->size - d->last);

        if (n <= 0) {
            /* at the end of the stream an incomplete message is lost */
            return n;
        }

        d->last += n;
        d->received += n;
    }
}


/* released, and still to be given to NGINX */

ngx_uint_t
ngx_http_wallarm_websocket_undelivered(ngx_http_wallarm_websocket_dir_t *d)
{
    return d->pos < d->release
           || (d->control && d->control->pos < d->control->last);
}


static ssize_t
ngx_http_wallarm_websocket_deliver(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, u_char *buf, size_t size)
{
    size_t                                 n;
    ngx_http_wallarm_websocket_dir_t      *d;
    ngx_http_wallarm_websocket_control_t  *control;

    d = &ctx->dir[direction];
    control = d->control;

    if (control && control->pos < control->last) {
        n = ngx_min(control->last - control->pos, size);
        ngx_memcpy(buf, control->frame + control->pos, n);
        control->pos += n;
        return n;
    }

    n = d->release - d->pos;

    if (n) {
        n = ngx_min(n, size);
        ngx_memcpy(buf, d->buf + d->pos, n);
        d->pos += n;

        if (d->pos == d->last) {
            ngx_http_wallarm_websocket_free(ctx, direction);
        }
    }

    return n;
}


/*
 * The connection is to be dropped.  Nothing more is read from the client; a
 * frame that the server has begun is brought to its end, so that a Close frame
 * can follow it.
 */

static ssize_t
ngx_http_wallarm_websocket_recv_dropping(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_connection_t *c, u_char *buf, size_t size)
{
    ssize_t                               n;
    ngx_http_wallarm_websocket_dir_t     *d;
    ngx_http_wallarm_websocket_result_t   res;

    if (ngx_http_wallarm_websocket_drop_finish(ctx)) {
        return NGX_AGAIN;
    }

    d = &ctx->dir[direction];

    if (direction != NGX_HTTP_WALLARM_WEBSOCKET_SERVER
        || d->held || d->opaque || d->need == 0)
    {
        return NGX_AGAIN;
    }

    n = d->recv(c, buf, ngx_min(size, d->need));

    if (n > 0) {
        d->received += n;
        ngx_http_wallarm_websocket_bridge_feed(ctx->session, direction, buf, n,
                                               &res);
        ngx_http_wallarm_websocket_result(ctx, direction, &res);

        /* to be called again after NGINX has sent these */
        c->read->ready = 1;
    }

    return n;
}


/* what was fed stands in the buffer from "fed" on */

static ngx_int_t
ngx_http_wallarm_websocket_fed(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_http_wallarm_websocket_result_t *res)
{
    u_char                            *p, *released;
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[direction];

    d->fed += res->consumed;

    if (res->control) {

        if (d->control == NULL) {
            d->control = ngx_pcalloc(ctx->request->pool,
                                 sizeof(ngx_http_wallarm_websocket_control_t));
            if (d->control == NULL) {
                return NGX_ERROR;
            }
        }

        p = d->buf + d->fed - res->control;

        ngx_memcpy(d->control->frame, p, res->control);

        released = d->buf + d->release + res->release;

        if (released > d->buf + d->pos) {

            /* behind the whole messages before it: a Close ends the stream */

            ngx_memmove(released + res->control, released, p - released);
            ngx_memcpy(released, d->control->frame, res->control);

            res->release += res->control;

        } else {
            d->control->pos = 0;
            d->control->last = res->control;

            ngx_memmove(p, p + res->control, d->last - d->fed);
            d->fed -= res->control;
            d->last -= res->control;
        }
    }

    ngx_http_wallarm_websocket_result(ctx, direction, res);

    return NGX_OK;
}


/* a connection or request passes as a whole, or from here on */

void
ngx_http_wallarm_websocket_uninspected(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t reason)
{
    ctx->uninspected++;

    ngx_http_wallarm_websocket_status_add(ctx->conf,
                       NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED + reason,
                       1);
}


/* what every result says: the memory of a direction, counts, events */

void
ngx_http_wallarm_websocket_counts(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_dir_t *d,
    ngx_http_wallarm_websocket_result_t *res)
{
    if (d->decoded != res->decoded) {
        ngx_http_wallarm_websocket_account(ctx, d->decoded, res->decoded);
        d->decoded = res->decoded;
    }

    ctx->messages += res->messages;
    ctx->uninspected += res->uninspected;

    ngx_http_wallarm_websocket_status_result(ctx, d - ctx->dir, res);

    if (res->events) {
        ngx_http_wallarm_websocket_events(ctx);
    }

    ngx_http_wallarm_websocket_control_count(ctx, res);
}


/* a result of feeding, of judging off the loop, or of a deadline */

void
ngx_http_wallarm_websocket_result(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_http_wallarm_websocket_result_t *res)
{
    u_char                            *p;
    ngx_http_wallarm_websocket_dir_t  *d;

    if (ctx->http) {
        /* shed for memory, while the request goes on */
        ngx_http_wallarm_websocket_request_result(ctx, res);
        return;
    }

    d = &ctx->dir[direction];

    /* a late verdict finds that nothing is held any more */

    if (!ctx->dropping && !d->opaque) {
        d->release += res->release;

        if (res->discard) {
            p = d->buf + d->release;

            ngx_memmove(p, p + res->discard,
                        d->last - d->release - res->discard);

            d->fed -= res->discard;
            d->last -= res->discard;

            ctx->discarded = 1;
            ctx->offence = 1;
        }
    }

    /* what the engine failed at was not forwarded */

    if (!d->opaque && res->status != NGX_HTTP_WALLARM_WEBSOCKET_ERROR) {
        d->need = res->need;
    }

    ngx_http_wallarm_websocket_counts(ctx, d, res);

    switch (res->status) {

    case NGX_HTTP_WALLARM_WEBSOCKET_PASS:
        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_PENDING:
        d->pending = 1;
        ngx_http_wallarm_websocket_place(ctx);
        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_DROP:

        /* a session that failed says so to everything that comes late */

        if (!d->opaque) {
            ngx_http_wallarm_websocket_drop(ctx, res->close_code);
        }

        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_OPAQUE:

        if (!d->opaque) {
            ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                          "wallarm: websocket bytes from %s pass uninspected "
                          "from here on",
                          direction == NGX_HTTP_WALLARM_WEBSOCKET_CLIENT
                              ? "client" : "server");
        }

        if (d->paused) {
            ngx_http_wallarm_websocket_unpace(ctx);
        }

        ngx_http_wallarm_websocket_blind(ctx, direction);
        break;

    default: /* NGX_HTTP_WALLARM_WEBSOCKET_ERROR */
        ngx_http_wallarm_websocket_failed(ctx);
    }

    if (ctx->offence) {
        ctx->offence = 0;

        if (direction == NGX_HTTP_WALLARM_WEBSOCKET_CLIENT) {
            ngx_http_wallarm_websocket_offence(ctx);
        }
    }

    if (d->pos == d->last) {
        ngx_http_wallarm_websocket_free(ctx, direction);
    }

    if (d->held) {
        ngx_http_wallarm_websocket_deadline(ctx, direction,
                                            res->release || res->discard);
    }
}


/* a direction passes uninspected from here on, with what was read of it */

void
ngx_http_wallarm_websocket_blind(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction)
{
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[direction];

    ngx_http_wallarm_websocket_status_add(ctx->conf,
                            NGX_HTTP_WALLARM_WEBSOCKET_COUNT_UNINSPECTED_BYTES
                            + direction, d->last - d->fed);

    d->opaque = 1;
    d->need = NGX_HTTP_WALLARM_WEBSOCKET_UNKNOWN;
    d->release = d->last;
    d->fed = d->last;
}


/* lets NGINX's relay loop look at both connections */

void
ngx_http_wallarm_websocket_wake(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_connection_t  *c, *pc;

    if (ctx->upstream == NULL || ctx->upstream->peer.connection == NULL) {
        return;
    }

    c = ctx->request->connection;
    pc = ctx->upstream->peer.connection;

    c->read->ready = 1;
    ngx_post_event(c->read, &ngx_posted_events);

    pc->read->ready = 1;
    ngx_post_event(pc->read, &ngx_posted_events);
}


/* forgets what is held or not yet fed, keeps what is released */

void
ngx_http_wallarm_websocket_discard(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction)
{
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[direction];

    d->fed = d->release;
    d->last = d->release;

    if (d->pos == d->last) {
        ngx_http_wallarm_websocket_free(ctx, direction);
    }
}


static ngx_int_t
ngx_http_wallarm_websocket_stash(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, u_char *p, size_t n)
{
    ngx_http_wallarm_websocket_dir_t  *d;

    if (ngx_http_wallarm_websocket_reserve(ctx, direction, n) != NGX_OK) {
        return NGX_ERROR;
    }

    d = &ctx->dir[direction];

    ngx_memcpy(d->buf + d->last, p, n);
    d->last += n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_wallarm_websocket_reserve(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, size_t n)
{
    size_t                             size, used;
    u_char                            *p;
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[direction];

    if (d->size - d->last >= n) {
        return NGX_OK;
    }

    used = d->last - d->pos;

    if (d->size - used >= n && d->pos >= used) {
        ngx_memcpy(d->buf, d->buf + d->pos, used);

    } else {

        size = ngx_max(used + n, 2 * used);

        p = ngx_alloc(size, ctx->request->connection->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (d->buf) {
            ngx_memcpy(p, d->buf + d->pos, used);
            ngx_free(d->buf);
        }

        ngx_http_wallarm_websocket_account(ctx, d->size, size);

        d->buf = p;
        d->size = size;
    }

    d->release -= d->pos;
    d->fed -= d->pos;
    d->last -= d->pos;
    d->pos = 0;

    return NGX_OK;
}


static void
ngx_http_wallarm_websocket_free(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction)
{
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[direction];

    if (d->buf) {
        ngx_http_wallarm_websocket_account(ctx, d->size, 0);
        ngx_free(d->buf);
        d->buf = NULL;
    }

    d->pos = 0;
    d->release = 0;
    d->fed = 0;
    d->last = 0;
    d->size = 0;
}


/* the timer of a direction, which has served the request before */

ngx_event_t *
ngx_http_wallarm_websocket_timer(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_event_handler_pt handler)
{
    ngx_event_t  *ev;

    ev = ctx->dir[direction].timer;

    if (ev == NULL) {
        ev = ngx_pcalloc(ctx->request->pool, sizeof(ngx_event_t));
        if (ev == NULL) {
            return NULL;
        }

        ev->data = ctx;
        ev->log = ctx->request->connection->log;

        ctx->dir[direction].timer = ev;
    }

    ev->handler = handler;

    return ev;
}


/* a held message has a time to arrive, and then its verdict has one */

static void
ngx_http_wallarm_websocket_deadline(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction, ngx_uint_t progress)
{
    ngx_event_t                       *ev;
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[direction];
    ev = d->timer;

    if (ctx->dropping) {
        return;
    }

    if ((d->fed == d->release && !d->pending) || d->paused) {

        if (ev && ev->timer_set) {
            ngx_del_timer(ev);
        }

        return;
    }

    ev = ngx_http_wallarm_websocket_timer(ctx, direction,
                                  ngx_http_wallarm_websocket_deadline_handler);
    if (ev == NULL) {
        return;
    }

    if (d->pending) {
        ngx_add_timer(ev, ctx->conf->time_limit);

    } else if (progress || !ev->timer_set) {
        ngx_add_timer(ev, ctx->conf->limits[direction].assembly_timeout);
    }
}


static void
ngx_http_wallarm_websocket_deadline_handler(ngx_event_t *ev)
{
    ngx_uint_t                            direction;
    ngx_http_wallarm_websocket_ctx_t     *ctx;
    ngx_http_wallarm_websocket_result_t   res;

    ctx = ev->data;

    if (ctx->upstream->peer.connection == NULL) {
        /* lingering close */
        return;
    }

    direction = (ev == ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_SERVER].timer)
                ? NGX_HTTP_WALLARM_WEBSOCKET_SERVER
                : NGX_HTTP_WALLARM_WEBSOCKET_CLIENT;

    ngx_http_wallarm_websocket_bridge_expire(ctx->session, direction,
                              ctx->dir[direction].pending
                                  ? NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_VERDICT
                                  : NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_ASSEMBLY,
                              &res);

    ngx_http_wallarm_websocket_result(ctx, direction, &res);
    ngx_http_wallarm_websocket_wake(ctx);
}

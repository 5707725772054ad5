
/*
 * HTTP around WebSocket: the head of a handshake, and the requests with which
 * frameworks poll instead of upgrading.  The engine says which these are.  A
 * head is judged in the preaccess phase, a body in the precontent phase, where
 * the access modules have had their say and nothing was sent to an upstream.
 * A request that waits for a verdict is suspended as those of limit_req are.
 */


#include "ngx_http_wallarm_websocket.h"


static ngx_int_t ngx_http_wallarm_websocket_precontent_handler(
    ngx_http_request_t *r);
static void ngx_http_wallarm_websocket_body_handler(ngx_http_request_t *r);
static void ngx_http_wallarm_websocket_judge_body(
    ngx_http_wallarm_websocket_ctx_t *ctx, ngx_http_request_body_t *rb);
static ngx_int_t ngx_http_wallarm_websocket_answer(
    ngx_http_wallarm_websocket_ctx_t *ctx);
static ngx_int_t ngx_http_wallarm_websocket_suspended(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_wait_e wait);
static ngx_int_t ngx_http_wallarm_websocket_suspend(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_wait_e wait);
static void ngx_http_wallarm_websocket_resume(
    ngx_http_wallarm_websocket_ctx_t *ctx);
static void ngx_http_wallarm_websocket_verdict_timer_handler(ngx_event_t *ev);
static void ngx_http_wallarm_websocket_delay_handler(ngx_event_t *ev);
static void ngx_http_wallarm_websocket_end_request(
    ngx_http_wallarm_websocket_ctx_t *ctx);
static void ngx_http_wallarm_websocket_request_failed(
    ngx_http_wallarm_websocket_ctx_t *ctx);


ngx_int_t
ngx_http_wallarm_websocket_fallback_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* handlers run from the last to the first: this one is before mirror and
       try_files, which were there already */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_wallarm_websocket_precontent_handler;

    return NGX_OK;
}


/* what the preaccess handler answers to a request that may go on */

ngx_int_t
ngx_http_wallarm_websocket_request(ngx_http_request_t *r,
    ngx_http_wallarm_websocket_loc_conf_t *wlcf)
{
    ngx_int_t                             rc;
    ngx_uint_t                            what;
    ngx_http_wallarm_websocket_ctx_t     *ctx;
    ngx_http_wallarm_websocket_head_t     head;
    ngx_http_wallarm_websocket_result_t   res;

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    if (ctx) {

        if (ctx->wait != ngx_http_wallarm_websocket_nothing) {
            return NGX_AGAIN;
        }

        if (ctx->answered) {
            return ngx_http_wallarm_websocket_answer(ctx);
        }

        /* redirected to where it is not judged more strictly */

        if (ctx->refused || ctx->upstream
            || (ctx->judged && ctx->conf->mode >= wlcf->mode))
        {
            return NGX_DECLINED;
        }
    }

    if (!ngx_http_wallarm_websocket_bridge_ready()) {

        /* only the engine knows which requests poll; one without a body is
           most probably none */

        if (wlcf->fail_open
            || (r->headers_in.content_length_n <= 0
                && !r->headers_in.chunked))
        {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "wallarm: the inspection library is not loaded, request "
                      "with a body refused");
        ngx_http_wallarm_websocket_status_refused(wlcf, 1, "engine");
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    head.method = r->method_name;
    head.target = r->unparsed_uri;
    head.headers = &r->headers_in.headers;

    what = ngx_http_wallarm_websocket_bridge_identify(&head,
                                                      r->connection->log);

    if (what == NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_NONE) {
        return NGX_DECLINED;
    }

    if (r->headers_in.upgrade == NULL) {
        rc = ngx_http_wallarm_websocket_ban(r, wlcf);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    ctx = ngx_http_wallarm_websocket_create_ctx(r, wlcf);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->http = 1;
    ctx->judged = 1;
    ctx->want_body = (what & NGX_HTTP_WALLARM_WEBSOCKET_REQUEST_BODY) ? 1 : 0;
    ctx->answer = NGX_DECLINED;

    if (r->headers_in.upgrade == NULL) {
        ngx_http_wallarm_websocket_status_add(wlcf,
                                  NGX_HTTP_WALLARM_WEBSOCKET_COUNT_POLLING, 1);
    }

    ngx_http_wallarm_websocket_rules(wlcf, &head.rules);
    head.cookie = ctx->cookie;

    ctx->session = ngx_http_wallarm_websocket_bridge_request(&head, &res,
                                                        r->connection->log);

    if (ctx->session == 0) {
        ngx_http_wallarm_websocket_request_failed(ctx);
        return ngx_http_wallarm_websocket_answer(ctx);
    }

    ngx_http_wallarm_websocket_request_result(ctx, &res);

    if (ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].pending) {
        return ngx_http_wallarm_websocket_suspend(ctx,
                                              ngx_http_wallarm_websocket_head);
    }

    ngx_http_wallarm_websocket_end_request(ctx);

    return ngx_http_wallarm_websocket_answer(ctx);
}


static ngx_int_t
ngx_http_wallarm_websocket_precontent_handler(ngx_http_request_t *r)
{
    ngx_int_t                               rc;
    ngx_http_wallarm_websocket_ctx_t       *ctx;
    ngx_http_wallarm_websocket_loc_conf_t  *wlcf;

    wlcf = ngx_http_wallarm_websocket_get_conf(r, 0);

    if (!wlcf->parse
        || wlcf->mode == NGX_HTTP_WALLARM_WEBSOCKET_OFF
        || r != r->main)
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    if (ctx->wait != ngx_http_wallarm_websocket_nothing) {
        return NGX_DONE;
    }

    if (ctx->answered) {
        return ngx_http_wallarm_websocket_answer(ctx);
    }

    if (!ctx->want_body) {
        return NGX_DECLINED;
    }

    ctx->want_body = 0;
    ctx->wait = ngx_http_wallarm_websocket_reading;

    rc = ngx_http_read_client_request_body(r,
                                     ngx_http_wallarm_websocket_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->wait = ngx_http_wallarm_websocket_nothing;
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_wallarm_websocket_body_handler(ngx_http_request_t *r)
{
    ngx_http_wallarm_websocket_ctx_t   *ctx;
    ngx_http_wallarm_websocket_wait_e   wait;

    ctx = ngx_http_wallarm_websocket_get_ctx(r);

    ctx->wait = ngx_http_wallarm_websocket_nothing;

    /* the upstream module reads it again, behind a redirect too */

    r->preserve_body = 1;

    if (r->request_body && r->request_body->bufs) {
        ngx_http_wallarm_websocket_judge_body(ctx, r->request_body);
    }

    wait = ngx_http_wallarm_websocket_nothing;

    if (ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].pending) {
        wait = ngx_http_wallarm_websocket_body;

    } else {
        ngx_http_wallarm_websocket_end_request(ctx);

        if (ctx->delay && !ctx->refused) {
            wait = ngx_http_wallarm_websocket_delayed;
        }
    }

    if (wait != ngx_http_wallarm_websocket_nothing) {

        if (ngx_http_wallarm_websocket_suspend(ctx, wait) != NGX_AGAIN) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    ctx->answered = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static void
ngx_http_wallarm_websocket_judge_body(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_request_body_t *rb)
{
    size_t                                n;
    ngx_buf_t                            *b;
    ngx_uint_t                            last;
    ngx_chain_t                          *cl;
    ngx_http_wallarm_websocket_result_t   res;

    n = 0;

    for (cl = rb->bufs; cl; cl = cl->next) {
        n += (size_t) ngx_buf_size(cl->buf);
    }

    ngx_http_wallarm_websocket_limit_request(ctx, n, NULL);

    if (ctx->refused) {

        if (ctx->offence) {
            ngx_http_wallarm_websocket_offence(ctx);
        }

        return;
    }

    if (ngx_http_wallarm_websocket_over_budget(ctx,
                                           NGX_HTTP_WALLARM_WEBSOCKET_CLIENT))
    {
        ngx_http_wallarm_websocket_bridge_expire(ctx->session,
                                    NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                                    NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_MEMORY,
                                    &res);
        ngx_http_wallarm_websocket_request_result(ctx, &res);
        return;
    }

    for (cl = rb->bufs; cl; cl = cl->next) {
        b = cl->buf;
        last = (cl->next == NULL);

        if (ngx_buf_in_memory(b) || !b->in_file) {
            ngx_http_wallarm_websocket_bridge_body(ctx->session, b->pos,
                                                   b->last - b->pos, last,
                                                   &res);

        } else {
            ngx_http_wallarm_websocket_bridge_body_file(ctx->session,
                                             b->file->fd, b->file_pos,
                                             b->file_last - b->file_pos, last,
                                             &res);
        }

        if (res.status != NGX_HTTP_WALLARM_WEBSOCKET_PASS) {
            break;
        }
    }

    ngx_http_wallarm_websocket_request_result(ctx, &res);
}


/* the answer of a phase handler is given once: an error page may follow */

static ngx_int_t
ngx_http_wallarm_websocket_answer(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;
    rc = ctx->answer;

    ctx->answered = 0;
    ctx->answer = NGX_DECLINED;

    if (rc != NGX_DECLINED && r->request_body) {
        /* not to the upstream of an error page either */
        r->request_body->bufs = NULL;
        r->headers_in.content_length_n = 0;
    }

    return rc;
}


/* until the timer or, before it, a verdict */

static ngx_int_t
ngx_http_wallarm_websocket_suspended(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_wait_e wait)
{
    ngx_uint_t    delayed;
    ngx_event_t  *ev;

    delayed = (wait == ngx_http_wallarm_websocket_delayed);

    ev = ngx_http_wallarm_websocket_timer(ctx,
                            NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                            delayed ? ngx_http_wallarm_websocket_delay_handler
                            : ngx_http_wallarm_websocket_verdict_timer_handler);
    if (ev == NULL) {
        return NGX_ERROR;
    }

    ngx_add_timer(ev, delayed ? ctx->delay : ctx->conf->time_limit);

    ctx->wait = wait;

    return NGX_OK;
}


/* NGX_AGAIN, or an error */

static ngx_int_t
ngx_http_wallarm_websocket_suspend(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_wait_e wait)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK
        || ngx_http_wallarm_websocket_suspended(ctx, wait) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


/* the request may be freed here */

static void
ngx_http_wallarm_websocket_resume(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_event_t         *ev;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;
    ev = ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT].timer;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_wallarm_websocket_end_request(ctx);

    if (ctx->delay && !ctx->refused) {
        (void) ngx_http_wallarm_websocket_suspended(ctx,
                                           ngx_http_wallarm_websocket_delayed);
        return;
    }

    ctx->wait = ngx_http_wallarm_websocket_nothing;
    ctx->answered = 1;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_set_log_request(c->log, r);

    ngx_http_core_run_phases(r);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_wallarm_websocket_verdict_timer_handler(ngx_event_t *ev)
{
    ngx_http_wallarm_websocket_ctx_t     *ctx;
    ngx_http_wallarm_websocket_dir_t     *d;
    ngx_http_wallarm_websocket_result_t   res;

    ctx = ev->data;
    d = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT];

    ngx_http_wallarm_websocket_bridge_expire(ctx->session,
                                    NGX_HTTP_WALLARM_WEBSOCKET_CLIENT,
                                    NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_VERDICT,
                                    &res);

    if (res.status == NGX_HTTP_WALLARM_WEBSOCKET_PENDING) {
        /* it waits for a thread */
        ngx_add_timer(ev, ctx->conf->time_limit);
        return;
    }

    d->pending = 0;
    ngx_http_wallarm_websocket_place(ctx);

    ngx_http_wallarm_websocket_request_result(ctx, &res);
    ngx_http_wallarm_websocket_resume(ctx);
}


static void
ngx_http_wallarm_websocket_delay_handler(ngx_event_t *ev)
{
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    ctx = ev->data;

    ctx->delay = 0;

    ngx_http_wallarm_websocket_resume(ctx);
}


/* a verdict from off the loop */

void
ngx_http_wallarm_websocket_request_done(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_result_t *res)
{
    ngx_uint_t                         pending;
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT];

    pending = d->pending;
    d->pending = 0;

    ngx_http_wallarm_websocket_place(ctx);

    if (!pending && res->status == NGX_HTTP_WALLARM_WEBSOCKET_DROP) {
        /* the request went on meanwhile, its session was closed */
        res->status = NGX_HTTP_WALLARM_WEBSOCKET_PASS;
    }

    ngx_http_wallarm_websocket_request_result(ctx, res);

    if (pending) {
        ngx_http_wallarm_websocket_resume(ctx);
        return;
    }

    ngx_http_wallarm_websocket_end_request(ctx);
}


void
ngx_http_wallarm_websocket_request_result(
    ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_http_wallarm_websocket_result_t *res)
{
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT];

    ngx_http_wallarm_websocket_counts(ctx, d, res);

    switch (res->status) {

    case NGX_HTTP_WALLARM_WEBSOCKET_PASS:
        ngx_http_wallarm_websocket_limit_request(ctx, 0, res->rated);
        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_PENDING:
        d->pending = 1;
        ngx_http_wallarm_websocket_place(ctx);
        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_DROP:

        if (!ctx->refused && !d->opaque) {
            ctx->refused = 1;
            ctx->answer = res->close_code;
            ngx_http_wallarm_websocket_status_refused(ctx->conf,
                            ctx->request->headers_in.upgrade == NULL, NULL);
        }

        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_OPAQUE:
        d->opaque = 1;
        ctx->want_body = 0;
        break;

    default: /* NGX_HTTP_WALLARM_WEBSOCKET_ERROR */
        ngx_http_wallarm_websocket_request_failed(ctx);
    }

    if (ctx->offence) {
        ngx_http_wallarm_websocket_offence(ctx);
    }
}


/* nothing more is to be judged; a session with a verdict to come is closed
   when that is there */

static void
ngx_http_wallarm_websocket_end_request(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    if (ctx->session == 0 || (ctx->want_body && !ctx->refused)) {
        return;
    }

    if (ngx_http_wallarm_websocket_bridge_close(ctx->session, NULL)
        == NGX_OK)
    {
        ctx->session = 0;
    }
}


static void
ngx_http_wallarm_websocket_request_failed(
    ngx_http_wallarm_websocket_ctx_t *ctx)
{
    ngx_http_wallarm_websocket_dir_t  *d;

    d = &ctx->dir[NGX_HTTP_WALLARM_WEBSOCKET_CLIENT];

    if (d->opaque || ctx->refused) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "wallarm: request inspection failed, the request %s",
                  ctx->conf->fail_open ? "passes uninspected" : "is refused");

    ctx->want_body = 0;

    if (ctx->conf->fail_open) {
        d->opaque = 1;
        ngx_http_wallarm_websocket_uninspected(ctx,
                                    NGX_HTTP_WALLARM_WEBSOCKET_REASON_ENGINE);
        return;
    }

    ctx->refused = 1;
    ctx->answer = NGX_HTTP_SERVICE_UNAVAILABLE;

    ngx_http_wallarm_websocket_status_refused(ctx->conf,
                        ctx->request->headers_in.upgrade == NULL, "engine");
}

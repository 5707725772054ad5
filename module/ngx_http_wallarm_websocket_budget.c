
/*
 * The worker's byte budget: raw bytes that are held, and what the engine keeps
 * decoded.  Runs wherever either changes.
 */


#include "ngx_http_wallarm_websocket.h"


static size_t ngx_http_wallarm_websocket_memory(void);
static ngx_uint_t ngx_http_wallarm_websocket_freeing(
    ngx_http_wallarm_websocket_ctx_t *ctx);
static ngx_uint_t ngx_http_wallarm_websocket_any_freeing(void);


/* contexts that hold bytes, and how many bytes in all of this worker */
static ngx_queue_t  holders = { &holders, &holders };
static size_t       held_bytes;
static ngx_uint_t   paused;


/* what a context holds has changed from "before" to "after" bytes */

void
ngx_http_wallarm_websocket_account(ngx_http_wallarm_websocket_ctx_t *ctx,
    size_t before, size_t after)
{
    size_t                             memory;
    ngx_queue_t                       *q;
    ngx_http_wallarm_websocket_ctx_t  *other;

    held_bytes += after - before;

    ngx_http_wallarm_websocket_status_set(
                    NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_HELD, held_bytes);

    if (after && !ctx->holding) {
        ngx_queue_insert_tail(&holders, &ctx->holder);
        ctx->holding = 1;
    }

    if (after >= before || !paused) {
        return;
    }

    memory = ngx_http_wallarm_websocket_memory();

    if (held_bytes > memory - memory / 8
        && ngx_http_wallarm_websocket_any_freeing())
    {
        return;
    }

    /* there is room again for those that were not read */

    paused = 0;

    for (q = ngx_queue_head(&holders);
         q != ngx_queue_sentinel(&holders);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ngx_http_wallarm_websocket_ctx_t, holder);
        ngx_http_wallarm_websocket_wake(other);
    }
}


static size_t
ngx_http_wallarm_websocket_memory(void)
{
    ngx_wallarm_websocket_conf_t  *wcf;

    wcf = (ngx_wallarm_websocket_conf_t *)
              ngx_get_conf(ngx_cycle->conf_ctx, ngx_wallarm_websocket_module);

    return wcf->memory;
}


/* those whose memory will be free soon stand first */

void
ngx_http_wallarm_websocket_place(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    if (!ctx->holding) {
        return;
    }

    ngx_queue_remove(&ctx->holder);

    if (ngx_http_wallarm_websocket_freeing(ctx)) {
        ngx_queue_insert_head(&holders, &ctx->holder);

    } else {
        ngx_queue_insert_tail(&holders, &ctx->holder);
    }
}


static ngx_uint_t
ngx_http_wallarm_websocket_freeing(ngx_http_wallarm_websocket_ctx_t *ctx)
{
    return ctx->request == NULL || ctx->dropping
           || ctx->dir[0].pending || ctx->dir[1].pending
           || ctx->dir[0].paused;
}


static ngx_uint_t
ngx_http_wallarm_websocket_any_freeing(void)
{
    ngx_queue_t                       *q;
    ngx_http_wallarm_websocket_ctx_t  *ctx;

    while (!ngx_queue_empty(&holders)) {

        q = ngx_queue_head(&holders);
        ctx = ngx_queue_data(q, ngx_http_wallarm_websocket_ctx_t, holder);

        if (ctx->dir[0].size || ctx->dir[0].decoded
            || ctx->dir[1].size || ctx->dir[1].decoded)
        {
            return ngx_http_wallarm_websocket_freeing(ctx);
        }

        ngx_queue_remove(q);
        ctx->holding = 0;
    }

    return 0;
}


/*
 * The worker's byte budget.  While something is being judged or dropped, memory
 * will be freed and it is enough not to read; when all that is held is
 * incomplete, the largest holder is shed.
 */

ngx_uint_t
ngx_http_wallarm_websocket_over_budget(ngx_http_wallarm_websocket_ctx_t *ctx,
    ngx_uint_t direction)
{
    size_t                                size, most;
    ngx_uint_t                            i, largest_direction;
    ngx_queue_t                          *q;
    ngx_http_wallarm_websocket_ctx_t     *holder, *largest;
    ngx_http_wallarm_websocket_result_t   res;

    if (held_bytes < ngx_http_wallarm_websocket_memory()) {
        return 0;
    }

    if (ngx_http_wallarm_websocket_any_freeing()) {
        paused = 1;
        return 1;
    }

    most = 0;
    largest = ctx;
    largest_direction = direction;

    for (q = ngx_queue_head(&holders);
         q != ngx_queue_sentinel(&holders);
         q = ngx_queue_next(q))
    {
        holder = ngx_queue_data(q, ngx_http_wallarm_websocket_ctx_t, holder);

        for (i = 0; i < 2; i++) {
            size = holder->dir[i].size + holder->dir[i].decoded;

            if (size > most && !holder->dir[i].opaque) {
                most = size;
                largest = holder;
                largest_direction = i;
            }
        }
    }

    ngx_log_error(NGX_LOG_ERR, largest->request->connection->log, 0,
                  "wallarm: %uz bytes of websocket messages held, over "
                  "\"wallarm_websocket_worker_memory\", the largest holder "
                  "(%uz) is given up", held_bytes, most);

    ngx_http_wallarm_websocket_bridge_expire(largest->session,
                                    largest_direction,
                                    NGX_HTTP_WALLARM_WEBSOCKET_EXPIRE_MEMORY,
                                    &res);
    ngx_http_wallarm_websocket_result(largest, largest_direction, &res);

    return ctx->dropping;
}

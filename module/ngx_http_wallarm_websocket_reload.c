
/*
 * Files of rules are looked at on a timer, for sessions that live longer than a
 * configuration: by old workers, too.
 */


#include "ngx_http_wallarm_websocket.h"


static void ngx_http_wallarm_websocket_reload_handler(ngx_event_t *ev);


static ngx_event_t       reload_event;
static ngx_connection_t  reload_dummy;
static ngx_msec_t        reload_interval;
static ngx_uint_t        reload_busy;


/* in a worker, whose engine has read the files once */

void
ngx_http_wallarm_websocket_reload_init(ngx_cycle_t *cycle,
    ngx_wallarm_websocket_conf_t *wcf)
{
    if (!wcf->in_use || !ngx_http_wallarm_websocket_bridge_ready()
        || ngx_http_wallarm_websocket_bridge_reload() == 0)
    {
        return;
    }

    reload_busy = 1;
    ngx_http_wallarm_websocket_reload_done(cycle->log);

    if (wcf->rules_interval == 0) {
        return;
    }

    reload_interval = wcf->rules_interval;
    reload_dummy.fd = (ngx_socket_t) -1;

    reload_event.handler = ngx_http_wallarm_websocket_reload_handler;
    reload_event.data = &reload_dummy;
    reload_event.log = cycle->log;
    reload_event.cancelable = 1;

    ngx_add_timer(&reload_event, reload_interval);
}


static void
ngx_http_wallarm_websocket_reload_handler(ngx_event_t *ev)
{
    (void) ngx_http_wallarm_websocket_bridge_reload();

    reload_busy = 1;

    ngx_add_timer(ev, reload_interval);
}


/* the engine has woken the event loop, perhaps to say this */

void
ngx_http_wallarm_websocket_reload_done(ngx_log_t *log)
{
    size_t       len;
    u_char      *p, *end, *last;
    ngx_uint_t   generation, level;

    static u_char  buf[65536];

    if (!reload_busy) {
        return;
    }

    reload_busy = ngx_http_wallarm_websocket_bridge_reloaded(buf, sizeof(buf),
                                                          &len, &generation);

    ngx_http_wallarm_websocket_status_set(
                     NGX_HTTP_WALLARM_WEBSOCKET_GAUGE_GENERATION, generation);

    last = buf + len;

    for (p = buf; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, LF);
        if (end == NULL) {
            end = last;
        }

        if (end > p) {
            level = *p == 'e' ? NGX_LOG_ERR : NGX_LOG_NOTICE;

            ngx_log_error(level, log, 0, "wallarm: %*s",
                          (size_t) (end - p - 1), p + 1);
        }
    }
}

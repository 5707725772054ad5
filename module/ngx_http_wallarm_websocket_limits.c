
/*
 * Directives that limit one direction or both, and what happens to a connection
 * that is dropped.
 */


#include "ngx_http_wallarm_websocket.h"


/* a limit of 0 would refuse everything; sums of such sizes do not overflow */
ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_size = {
    NGX_HTTP_WALLARM_WEBSOCKET_SIZE, 1, 1024 * 1024 * 1024
};

ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_any_size = {
    NGX_HTTP_WALLARM_WEBSOCKET_SIZE, 0, 1024 * 1024 * 1024
};

ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_time = {
    NGX_HTTP_WALLARM_WEBSOCKET_TIME, 1, NGX_MAX_INT32_VALUE
};

ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_fragments = {
    NGX_HTTP_WALLARM_WEBSOCKET_NUMBER, 0, 1000000
};

/* DEFLATE reaches 1032 */
ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_ratio = {
    NGX_HTTP_WALLARM_WEBSOCKET_NUMBER, 0, 1032
};

ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_rate = {
    NGX_HTTP_WALLARM_WEBSOCKET_RATE, 0, 1000000
};

ngx_http_wallarm_websocket_bounds_t  ngx_http_wallarm_websocket_messages = {
    NGX_HTTP_WALLARM_WEBSOCKET_MESSAGES, 0, 0
};


/* a parameter that is given twice may mean either; "first" is the index of the
   first parameter, whose name is all up to "=" */

char *
ngx_http_wallarm_websocket_once(ngx_conf_t *cf, ngx_uint_t first)
{
    size_t      len;
    u_char     *p;
    ngx_str_t  *value;
    ngx_uint_t  i, k;

    value = cf->args->elts;

    for (i = first; i < cf->args->nelts; i++) {

        /* with the final null, so that a word is compared as a whole */

        p = (u_char *) ngx_strchr(value[i].data, '=');
        len = p ? (size_t) (p - value[i].data) + 1 : value[i].len + 1;

        for (k = first; k < i; k++) {
            if (ngx_strncmp(value[k].data, value[i].data, len) == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate parameter \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


/* "value [from=client|server]" */

char *
ngx_http_wallarm_websocket_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    size_t                               *p;
    ngx_int_t                             n;
    ngx_str_t                            *value, s;
    ngx_uint_t                            i, first, last;
    ngx_http_wallarm_websocket_bounds_t  *bounds;

    value = cf->args->elts;
    bounds = cmd->post;

    first = NGX_HTTP_WALLARM_WEBSOCKET_CLIENT;
    last = NGX_HTTP_WALLARM_WEBSOCKET_SERVER;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "from=client") == 0) {
            last = NGX_HTTP_WALLARM_WEBSOCKET_CLIENT;

        } else if (ngx_strcmp(value[2].data, "from=server") == 0) {
            first = NGX_HTTP_WALLARM_WEBSOCKET_SERVER;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    s = value[1];

    switch (bounds->kind) {

    case NGX_HTTP_WALLARM_WEBSOCKET_SIZE:
        n = (ngx_int_t) ngx_parse_size(&s);
        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_TIME:
        n = ngx_parse_time(&s, 0);
        break;

    case NGX_HTTP_WALLARM_WEBSOCKET_RATE:

        if (s.len > 3 && ngx_strncmp(s.data + s.len - 3, "r/s", 3) == 0) {
            s.len -= 3;

        } else if (s.len != 1 || s.data[0] != '0') {
            return "invalid value";
        }

        /* fall through */

    case NGX_HTTP_WALLARM_WEBSOCKET_NUMBER:
        n = ngx_atoi(s.data, s.len);
        break;

    default: /* NGX_HTTP_WALLARM_WEBSOCKET_MESSAGES */

        if (ngx_strcmp(s.data, "any") == 0) {
            n = NGX_HTTP_WALLARM_WEBSOCKET_ANY;

        } else if (ngx_strcmp(s.data, "text") == 0) {
            n = NGX_HTTP_WALLARM_WEBSOCKET_TEXT;

        } else if (ngx_strcmp(s.data, "binary") == 0) {
            n = NGX_HTTP_WALLARM_WEBSOCKET_BINARY;

        } else {
            n = NGX_ERROR;
        }
    }

    if (n == NGX_ERROR) {
        return "invalid value";
    }

    if (n == 0 && bounds->min) {
        return "must be greater than zero";
    }

    if (bounds->max && (size_t) n > bounds->max) {

        if (bounds->kind == NGX_HTTP_WALLARM_WEBSOCKET_SIZE) {
            return "must not be greater than 1g";
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "value must be between %uz and %uz",
                           bounds->min, bounds->max);
        return NGX_CONF_ERROR;
    }

    for (i = first; i <= last; i++) {
        p = (size_t *) ((u_char *) &wlcf->limits[i] + cmd->offset);

        if (*p != NGX_CONF_UNSET_SIZE) {
            return "is duplicate";
        }

        *p = n;
    }

    return NGX_CONF_OK;
}


void
ngx_http_wallarm_websocket_merge_limits(
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf)
{
    ngx_uint_t                            i;
    ngx_http_wallarm_websocket_limits_t  *p, *c;

    for (i = 0; i < 2; i++) {
        p = &prev->limits[i];
        c = &conf->limits[i];

        ngx_conf_merge_size_value(c->max_message, p->max_message,
                                  16 * 1024 * 1024);
        ngx_conf_merge_size_value(c->max_inflated, p->max_inflated,
                                  16 * 1024 * 1024);
        ngx_conf_merge_size_value(c->max_frame, p->max_frame, 0);
        ngx_conf_merge_size_value(c->max_fragments, p->max_fragments, 0);
        ngx_conf_merge_size_value(c->max_inflate_ratio, p->max_inflate_ratio,
                                  0);
        ngx_conf_merge_size_value(c->max_control_rate, p->max_control_rate, 0);
        ngx_conf_merge_size_value(c->messages, p->messages,
                                  NGX_HTTP_WALLARM_WEBSOCKET_ANY);
        ngx_conf_merge_size_value(c->assembly_timeout, p->assembly_timeout,
                                  60000);
    }
}


/* "close|drop_message [code [reason]]" or "reset" */

char *
ngx_http_wallarm_websocket_action(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_wallarm_websocket_loc_conf_t *wlcf = conf;

    u_char      *p, *last;
    uint32_t     u;
    ngx_int_t    code;
    ngx_str_t   *value;
    ngx_uint_t   max;

    if (wlcf->action != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    max = 4;

    if (ngx_strcmp(value[1].data, "close") == 0) {
        wlcf->action = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE;

    } else if (ngx_strcmp(value[1].data, "drop_message") == 0) {
        wlcf->action = NGX_HTTP_WALLARM_WEBSOCKET_DROP_MESSAGE;

    } else if (ngx_strcmp(value[1].data, "reset") == 0) {
        wlcf->action = NGX_HTTP_WALLARM_WEBSOCKET_RESET;
        max = 2;

    } else {
        max = 1;
    }

    if (cf->args->nelts > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[max]);
        return NGX_CONF_ERROR;
    }

    wlcf->close_code = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_POLICY;

    if (cf->args->nelts > 2) {
        code = ngx_atoi(value[2].data, value[2].len);

        /* what RFC 6455 7.4 lets an endpoint send */

        if (code < 1000 || code > 4999
            || (code > 1003 && code < 1007)
            || (code > 1014 && code < 3000))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid close code \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        wlcf->close_code = code;
    }

    if (cf->args->nelts > 3) {

        if (value[3].len > NGX_HTTP_WALLARM_WEBSOCKET_REASON) {
            return "has a reason of more than 123 bytes";
        }

        p = value[3].data;
        last = p + value[3].len;

        while (p < last) {
            u = *p < 0x80 ? *p++ : ngx_utf8_decode(&p, last - p);

            if (u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff)) {
                return "has a reason that is not UTF-8";
            }
        }

        wlcf->close_reason = value[3];
    }

    return NGX_CONF_OK;
}


void
ngx_http_wallarm_websocket_merge_action(
    ngx_http_wallarm_websocket_loc_conf_t *prev,
    ngx_http_wallarm_websocket_loc_conf_t *conf)
{
    if (conf->action != NGX_CONF_UNSET_UINT) {
        return;
    }

    if (prev->action == NGX_CONF_UNSET_UINT) {
        conf->action = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE;
        conf->close_code = NGX_HTTP_WALLARM_WEBSOCKET_CLOSE_POLICY;
        return;
    }

    conf->action = prev->action;
    conf->close_code = prev->close_code;
    conf->close_reason = prev->close_reason;
}
